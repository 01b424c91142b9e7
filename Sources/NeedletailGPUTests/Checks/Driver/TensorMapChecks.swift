import NeedletailCUDA

extension GPUCheck {
  static let tensorMaps = [
    GPUCheck("tensor map/encode") { gpu in
      try gpu.needsHopper("a tensor map")
      let buffer = try DeviceBuffer(gpu.context, byteCount: 4096 * 1024 * 2)
      let map = try TensorMap.encode(
        gpu.context.driver, .bfloat16, address: buffer.address, dimensions: [4096, 1024], strides: [8192],
        box: [64, 64], swizzle: .bytes128)
      let isSet = withUnsafeBytes(of: map) { bytes in bytes.count == 128 && bytes.contains { $0 != 0 } }
      try expect(isSet, "the map is empty")
      return "4096 x 1024 bfloat16 in tiles of 64 x 64"
    },
    GPUCheck("tensor map/bad address") { gpu in
      try gpu.needsHopper("a tensor map")
      let buffer = try DeviceBuffer(gpu.context, byteCount: 4096)
      let error = try expectError(CUDAError.self) {
        _ = try TensorMap.encode(
          gpu.context.driver, .bfloat16, address: buffer.address + 2, dimensions: [64], strides: [], box: [64])
      }
      return "\(error)"
    },
  ]
}
