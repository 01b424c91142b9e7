import Needletail
import NeedletailKernels

/// The kernels of a step with their times, and what the step makes of them.
struct KernelTable {
  let phase: InspectionPhase
  let device: String
  let hardware: String
  let model: String
  let rates: MachineRates

  init(_ phase: InspectionPhase, _ inspection: Inspection) {
    self.phase = phase
    model = inspection.name
    rates = inspection.rates
    device = inspection.compiled.device.summary
    hardware = MachineDescription.current().summary(with: inspection.compiled.device)
  }

  /// Kinds of launches, those that take the most time of the step first.
  var groups: [InspectionPhase.Group] { phase.groups.sorted { ($0.measured ?? 0) > ($1.measured ?? 0) } }
  /// Tokens that the step adds to answers or computes of prompts.
  var tokens: Int { phase.profile.counts.tokens }
  /// What lies between kernels, and what they lose by standing beside others; less than 0 where they overlap.
  var gaps: Double? {
    guard let step = phase.wholeStep, let sum = phase.measured else { return nil }
    return step - sum
  }

  var text: String {
    var table = TextTable([
      "kernel", ">count", "where", "problem", ">each", ">all", ">share", ">bytes", ">operations", ">floor", ">of floor",
      "choice",
    ])
    let sum = phase.measured ?? .nan
    for group in groups {
      let all = group.measured ?? .nan
      table.add([
        group.launch.kernel, "\(group.count)", group.scope, group.launch.problem,
        Show.time(seconds: all / Double(group.count)), Show.time(seconds: all), percent(all / sum),
        Show.bytes(group.cost.bytes), Show.amount(Double(group.cost.operations), ""),
        Show.time(seconds: group.floor), percent(group.floor / all), group.launch.choice ?? "",
      ])
    }
    table.add([
      "sum", "\(phase.rows.count)", "", "", "", Show.time(seconds: sum), "", Show.bytes(phase.total.bytes),
      Show.amount(Double(phase.total.operations), ""), Show.time(seconds: phase.floor), percent(phase.floor / sum), "",
    ])
    return phase.title.uppercased() + "\n" + table.text + "\n" + summary
  }

  /// The whole step in words.
  var summary: String {
    guard let step = phase.wholeStep else { return "" }
    let floor = rates.floorSeconds(phase.total)
    var text = "step \(Show.time(seconds: step)), \(Show.short(Double(tokens) / step)) tokens/s"
    text += "; floor \(Show.time(seconds: floor)), \(percent(floor / step)) of it reached"
    if let sum = phase.measured { text += "; \(Show.fixed(step / sum, 3)) of the kernels' sum" }
    if let gaps { text += ", gaps \(gaps < 0 ? "-" : "")\(Show.time(seconds: gaps.magnitude))" }
    text += "; \(Show.amount(Double(phase.total.bytes) / step, "B/s"))"
    text += ", \(Show.amount(Double(phase.total.operations) / step, "FLOP/s"))"
    if let watts = phase.watts {
      text += "; \(Show.short(watts)) W, \(Show.short(watts * step / Double(tokens))) J a token"
    }
    text +=
      "\nfloors: \(Show.amount(rates.bytesPerSecond, "B/s")), \(Show.amount(rates.operationsPerSecond, "FLOP/s")), "
    return text + rates.source
  }

  private func percent(_ share: Double) -> String { share.isFinite ? "\(Show.fixed(share * 100, 1)) %" : "-" }

  var json: JSON {
    let step = phase.wholeStep
    return [
      "model": .string(model), "device": .string(device), "hardware": .string(hardware),
      "version": .string(Version.text), "phase": .string(phase.name), "step": .string(phase.title),
      "tokens": .int(tokens),
      "kernels": .array(
        groups.map { group in
          let all = group.measured ?? 0
          return [
            "kernel": .string(group.launch.kernel), "where": .string(group.scope),
            "problem": .string(group.launch.problem), "count": .int(group.count),
            "choice": group.launch.choice.map { .string($0) } ?? .null,
            "time_us": .double(all / Double(group.count) * 1e6), "total_us": .double(all * 1e6),
            "bytes": .int(group.cost.bytes), "flops": .int(group.cost.operations),
            "floor_us": .double(group.floor * 1e6), "floor_over_time": .double(all > 0 ? group.floor / all : 0),
          ]
        }),
      "sum_us": phase.measured.map { .double($0 * 1e6) } ?? .null, "step_us": step.map { .double($0 * 1e6) } ?? .null,
      "gaps_us": gaps.map { .double($0 * 1e6) } ?? .null,
      "step_over_sum": zipped(step, phase.measured).map { .double($0 / $1) } ?? .null,
      "tokens_per_s": step.map { .double(Double(tokens) / $0) } ?? .null,
      "floor": [
        "bytes_per_step": .int(phase.total.bytes), "flops_per_step": .int(phase.total.operations),
        "time_us": .double(rates.floorSeconds(phase.total) * 1e6), "kernels_us": .double(phase.floor * 1e6),
        "achieved_over_floor": step.map { .double($0 / rates.floorSeconds(phase.total)) } ?? .null,
        "read_bytes_per_s": .double(rates.bytesPerSecond), "flops_per_s": .double(rates.operationsPerSecond),
      ],
      "power_w": phase.watts.map { .double($0) } ?? .null,
      "energy_j_per_token": zipped(phase.watts, step).map { .double($0 * $1 / Double(tokens)) } ?? .null,
    ]
  }

  private func zipped(_ a: Double?, _ b: Double?) -> (Double, Double)? {
    guard let a, let b else { return nil }
    return (a, b)
  }
}

extension Launch {
  /// Why this kernel runs and not another, where there was a choice.
  var choice: String? { library?.choice ?? gpu.map(\.choice).flatMap { $0.isEmpty ? nil : $0 } }
}
