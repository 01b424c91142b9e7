import NeedletailCUDA

extension GPUCheck {
  static let copies = [
    GPUCheck("copy/pinned") { gpu in
      let size = 256 << 20
      let rounds = 4
      let pinned = try PinnedBuffer(gpu.context, byteCount: size)
      let buffer = try DeviceBuffer(gpu.context, byteCount: size)
      let words = pinned.bytes.bindMemory(to: UInt32.self)
      for i in words.indices { words[i] = UInt32(truncatingIfNeeded: i) &* 0x9e37_79b1 }
      func rate(_ copy: () throws -> Void) throws -> String {
        let start = seconds()
        for _ in 0..<rounds { try copy() }
        try gpu.stream.synchronize()
        return "\(decimal(Double(rounds * size) / (seconds() - start) / 1e9)) GB/s"
      }
      let up = try rate { try gpu.stream.copy(UnsafeRawBufferPointer(pinned.bytes), toDevice: buffer.address) }
      for i in words.indices { words[i] = 0xffff_ffff }
      let down = try rate { try gpu.stream.copy(fromDevice: buffer.address, to: pinned.bytes) }
      let wrong = words.indices.count { words[$0] != UInt32(truncatingIfNeeded: $0) &* 0x9e37_79b1 }
      try expect(wrong == 0, "\(wrong) of \(words.count) words are wrong")
      return "to the GPU \(up), from it \(down)"
    },
    GPUCheck("copy/on the GPU") { gpu in
      let size = 64 << 20
      let buffer = try DeviceBuffer(gpu.context, byteCount: 2 * size)
      let target = buffer.address + UInt64(size)
      try gpu.stream.fill(buffer.address, byteCount: size, with: 0x5a)
      try gpu.stream.fill(target, byteCount: size, with: 0xff)
      let from = try Event(gpu.context, takesTime: true)
      let to = try Event(gpu.context, takesTime: true)
      try gpu.stream.record(from)
      try gpu.stream.copy(fromDevice: buffer.address, toDevice: target, byteCount: size)
      try gpu.stream.record(to)
      let pinned = try PinnedBuffer(gpu.context, byteCount: size)
      pinned.bytes.initializeMemory(as: UInt8.self, repeating: 0)
      try gpu.stream.copy(fromDevice: target, to: pinned.bytes)
      try gpu.stream.synchronize()
      let wrong = pinned.bytes.count { $0 != 0x5a }
      try expect(wrong == 0, "\(wrong) of \(size) bytes are wrong")
      return "\(decimal(Double(2 * size) / (try to.seconds(since: from)) / 1e9)) GB/s read and written"
    },
  ]
}
