import Needletail
import NeedletailKernels

/// The figures of a measurement.
struct BenchResult: Sendable {
  /// Times at three percentiles, in milliseconds.
  struct Percentiles: Sendable {
    let p50, p90, p99: Double

    init(_ seconds: some Sequence<Double>) {
      let statistics = Statistics(seconds.map { $0 * 1e3 })
      p50 = statistics.percentile(0.5)
      p90 = statistics.percentile(0.9)
      p99 = statistics.percentile(0.99)
    }

    var json: JSON { ["p50": .double(p50), "p90": .double(p90), "p99": .double(p99)] }
  }

  /// What a decode step must at least read and compute, and how near the measured one came.
  struct Floor: Sendable {
    let bytes: Int
    let operations: Int
    let milliseconds: Double
    /// The measured time of a decode step over the floor's: 1 is as fast as this machine's memory.
    let achieved: Double?
  }

  let setting: BenchSetting
  let concurrency: Int
  let requests: Int
  let inputLength: Double
  let outputLength: Double
  let outputTokensPerSecond: Double
  let requestsPerSecond: Double
  /// Tokens of prompts a second until the last request had its first token.
  let prefillTokensPerSecond: Double
  let timeToFirst: Percentiles
  let perToken: Percentiles
  let total: Percentiles
  let floor: Floor
  let joulesPerToken: Double?
  let watts: Double?

  /// The figures of several runs of one workload: rates are those of the median run, times are of all requests.
  init(_ runs: [BenchRun], concurrency: Int, setting: BenchSetting) {
    let all = runs.flatMap(\.requests)
    let median = Statistics(runs.map(\.outputTokensPerSecond)).median
    let count = Double(max(all.count, 1))
    self.setting = setting
    self.concurrency = concurrency
    requests = runs.first?.requests.count ?? 0
    inputLength = Double(all.reduce(0) { $0 + $1.promptTokens }) / count
    outputLength = Double(all.reduce(0) { $0 + $1.outputTokens }) / count
    outputTokensPerSecond = median
    requestsPerSecond = Statistics(runs.map { Double($0.requests.count) / $0.wall }).median
    prefillTokensPerSecond =
      Statistics(runs.map { Double($0.promptTokens) / ($0.requests.map { $0.start + $0.firstToken }.max() ?? .nan) })
      .median
    timeToFirst = Percentiles(all.map(\.firstToken))
    perToken = Percentiles(all.compactMap(\.perToken))
    total = Percentiles(all.map(\.total))
    let context = Int(inputLength + outputLength / 2)
    let batch = min(concurrency, setting.plan.limits.sequences, max(requests, 1))
    let cost = setting.plan.cost(of: .decode(batch: batch, context: max(1, context)))
    let seconds = setting.rates.floorSeconds(cost)
    floor = Floor(
      bytes: cost.bytes, operations: cost.operations, milliseconds: seconds * 1e3,
      achieved: perToken.p50.isFinite ? perToken.p50 / (seconds * 1e3) : nil)
    let energies = runs.compactMap { run in run.joules.map { (joules: $0, run: run) } }
    joulesPerToken =
      energies.isEmpty ? nil : Statistics(energies.map { $0.joules / Double($0.run.outputTokens) }).median
    watts = energies.isEmpty ? nil : Statistics(energies.map { $0.joules / $0.run.wall }).median
  }

  /// Tokens a second of the steps after the first token.
  var decodeTokensPerSecond: Double { Double(min(concurrency, max(requests, 1))) * 1e3 / perToken.p50 }

  var json: JSON {
    [
      "model": .string(setting.model), "device": .string(setting.device), "dtype": .string(setting.dtype.name),
      "quantize": .string(setting.plan.codingName), "concurrency": .int(concurrency),
      "input_length": .double(inputLength).whole,
      "output_length": .double(outputLength).whole, "requests": .int(requests),
      "output_tokens_per_s": .double(outputTokensPerSecond), "requests_per_s": .double(requestsPerSecond),
      "decode_tokens_per_s": .double(decodeTokensPerSecond),
      "prefill_tokens_per_s": .double(prefillTokensPerSecond), "ttft_ms": timeToFirst.json, "tpot_ms": perToken.json,
      "e2e_ms": total.json, "startup_s": .double(setting.startupSeconds),
      "floor": [
        "bytes_per_step": .int(floor.bytes), "flops_per_step": .int(floor.operations),
        "time_ms": .double(floor.milliseconds), "achieved_over_floor": floor.achieved.map { .double($0) } ?? .null,
        "read_bytes_per_s": .double(setting.rates.bytesPerSecond),
        "read_loops": .object(JSONObject(setting.rates.loops.map { ($0.loop, .double($0.bytesPerSecond)) })),
        "flops_per_s": .double(setting.rates.operationsPerSecond),
      ],
      "energy_j_per_token": joulesPerToken.map { .double($0) } ?? .null, "power_w": watts.map { .double($0) } ?? .null,
      "version": .string(Version.text), "hardware": .string(setting.hardware),
    ]
  }

  /// The results as a table for people, with what they have in common below.
  static func table(_ results: [BenchResult]) -> String {
    var table = TextTable([
      ">concurrency", ">requests", ">in", ">out", ">tokens/s", ">decode/s", ">prefill/s", ">first ms", ">p99",
      ">per token ms",
      ">p99", ">total ms", ">floor ms", ">of floor",
    ])
    for result in results {
      table.add([
        "\(result.concurrency)", "\(result.requests)", Show.short(result.inputLength), Show.short(result.outputLength),
        Show.short(result.outputTokensPerSecond), Show.short(result.decodeTokensPerSecond),
        Show.short(result.prefillTokensPerSecond),
        Show.short(result.timeToFirst.p50), Show.short(result.timeToFirst.p99), Show.short(result.perToken.p50),
        Show.short(result.perToken.p99), Show.short(result.total.p50), Show.short(result.floor.milliseconds),
        result.floor.achieved.map { Show.fixed($0, 2) } ?? "-",
      ])
    }
    guard let setting = results.first?.setting else { return table.text }
    let loops = setting.rates.loops.map { "\($0.loop) \(Show.amount($0.bytesPerSecond, "B/s"))" }
    return """
      \(setting.model), \(setting.dtype.name), \(setting.device), ready after \(Show.time(seconds: setting.startupSeconds))
      \(table.text)
      floor of a decode step: this machine reads \(loops.joined(separator: ", ")); \
      multiplies \(Show.amount(setting.rates.operationsPerSecond, "FLOP/s"))
      """
  }
}

/// What all results of a measurement share.
struct BenchSetting: Sendable {
  let model: String
  let device: String
  let dtype: DType
  let plan: Plan
  let rates: MachineRates
  /// From the start of the process until requests were taken.
  let startupSeconds: Double
  let hardware: String

  init(_ llm: LLM, threads: Int?, startupSeconds: Double) throws {
    model = llm.path
    device = llm.deviceSummary
    dtype = llm.dtype
    plan = llm.plan
    self.startupSeconds = startupSeconds
    rates = try MachineRates.of(llm.device, threads: threads, dtype: llm.dtype)
    hardware = MachineDescription.current().summary(with: llm.device)
  }
}

extension Plan {
  /// What all launches of a step read, write and compute.
  func cost(of profile: StepProfile) -> Cost.Evaluated {
    variants[variant(tokens: profile.counts.tokens)].launches.reduce(.none) { $0 + $1.cost(in: profile) }
  }
}

extension JSON {
  /// A double that is a whole number as an integer.
  fileprivate var whole: JSON { int.map { .int($0) } ?? self }
}
