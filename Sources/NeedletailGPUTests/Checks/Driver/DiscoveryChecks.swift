import NeedletailCUDA

extension GPUCheck {
  static let discovery = [
    GPUCheck("discovery/report") { gpu in
      let findings = CUDADiscovery.report()
      let problems = findings.filter(\.isProblem).map { "\($0.name): \($0.value)" }
      try expect(problems.isEmpty, problems.joined(separator: "; "))
      let name = gpu.context.device.name
      try expect(findings.contains { $0.value.contains(name) }, "no finding names \(name)")
      return findings.map { "\n       \($0.name): \($0.value)" }.joined()
    },
    GPUCheck("discovery/device") { gpu in
      let device = gpu.context.device
      let memory = try gpu.context.memory()
      try expect(memory.free > 0 && memory.free <= memory.total, "\(memory)")
      try expect(device.l2Bytes > 0 && device.sharedBytesPerBlock >= 48 << 10, "\(device)")
      return "L2 \(device.l2Bytes >> 20) MiB, \(device.sharedBytesPerBlock) bytes of shared memory a block"
    },
  ]
}
