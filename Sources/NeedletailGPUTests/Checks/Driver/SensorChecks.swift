import NeedletailCUDA

extension GPUCheck {
  static let sensors = [
    GPUCheck("NVML/readings") { gpu in
      let nvml: NVML
      do {
        nvml = try CUDALibraries.shared.nvml.get()
      } catch {
        throw CheckSkipped(description: "\(error)")
      }
      let device = try nvml.device(pciBusID: gpu.context.device.pciBusID)
      let (watts, joules) = (try device.powerWatts(), try device.energyJoules())
      let (degrees, memory, use) = (try device.temperature(), try device.memory(), try device.utilization())
      try expect((1...5000).contains(watts) && joules > 0, "\(watts) W, \(joules) J")
      try expect((1...120).contains(degrees), "\(degrees) °C")
      try expect(memory.used > 0 && memory.used <= memory.total, "\(memory)")
      try expect((0...100).contains(use.gpu) && (0...100).contains(use.memory), "\(use)")
      return
        "\(decimal(watts)) W, \(decimal(joules)) J, \(degrees) °C, \(memory.used >> 20) MiB in use, \(use.gpu) % busy"
    }
  ]
}
