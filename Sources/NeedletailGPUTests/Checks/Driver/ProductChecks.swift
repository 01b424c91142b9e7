import NeedletailCUDA

extension GPUCheck {
  static let products = [
    GPUCheck("cuBLASLt/product") { gpu in
      let library: CUBLASLt
      do {
        library = try CUDALibraries.shared.cublasLt.get()
      } catch {
        throw CheckSkipped(description: "\(error)")
      }
      // x [rows, inner] and weight [columns, inner] have one column in common: out[i][j] = (1 + i) * j, exactly.
      let (rows, columns, inner, column) = (48, 256, 128, 5)
      let workspaceLimit = 32 << 20
      let (inputs, outputs) = ((rows + columns) * inner, rows * columns)
      let handle = try CUBLASLtHandle(library, gpu.context)
      let product = try CUBLASLtProduct(
        handle, rows: rows, columns: columns, inner: inner, input: .float32, output: .float32,
        workspaceLimit: workspaceLimit)
      let workspace = try DeviceBuffer(gpu.context, byteCount: workspaceLimit)
      let buffer = try DeviceBuffer(gpu.context, byteCount: (inputs + outputs) * 4)
      let pinned = try PinnedBuffer(gpu.context, byteCount: (inputs + outputs) * 4)
      let floats = pinned.bytes.bindMemory(to: Float.self)
      for i in floats.indices { floats[i] = i < inputs ? 0 : .nan }
      for i in 0..<rows { floats[i * inner + column] = Float(1 + i) }
      for j in 0..<columns { floats[(rows + j) * inner + column] = Float(j) }
      try gpu.stream.copy(UnsafeRawBufferPointer(pinned.bytes), toDevice: buffer.address)
      try product.run(
        handle, gpu.stream, x: buffer.address, weight: buffer.address + UInt64(rows * inner * 4),
        out: buffer.address + UInt64(inputs * 4), workspace: workspace.address)
      try gpu.stream.copy(fromDevice: buffer.address, to: pinned.bytes)
      try gpu.stream.synchronize()
      let wrong = (0..<outputs).count { index in
        floats[inputs + index] != Float(1 + index / columns) * Float(index % columns)
      }
      try expect(wrong == 0, "\(wrong) of \(outputs) elements are wrong")
      return
        "cuBLASLt \(library.version), \(rows) x \(columns) x \(inner), \(product.workspaceBytes) bytes of workspace"
    }
  ]
}
