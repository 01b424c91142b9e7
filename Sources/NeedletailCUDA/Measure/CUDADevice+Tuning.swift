import CNeedletailKernels
import NeedletailGraph
import NeedletailKernels

/// What measuring the ways to compute a product found.
public struct TunedProduct: Sendable {
  /// The product, at the most rows of its variant.
  public var problem: ProductProblem
  /// Seconds of what the tables and rules had chosen.
  public var before: Double
  /// Seconds of the fastest.
  public var best: Double
  /// What is fastest: "cuBLASLt", "128 x 192 tiles".
  public var name: String
}

extension CUDADevice {
  /// A plan whose products of many rows are computed by what is fastest on this GPU: each candidate is timed over weights
  /// that are not in the second-level cache, and one that is less than 2 % faster than the table's choice is left out.
  ///
  /// - Parameters:
  ///   - plan: Of this device.
  ///   - librariesAllowed: Whether cuBLASLt may be chosen.
  ///   - progress: Gets the measured share, 0 to 1.
  public func tuned(
    _ plan: Plan, librariesAllowed: Bool, progress: (Double) -> Void = { _ in }
  ) throws -> (plan: Plan, products: [TunedProduct]) {
    let problems = plan.variants.flatMap(\.launches).reduce(into: [ProductProblem: Launch]()) { problems, launch in
      if let problem = launch.product, problems[problem] == nil { problems[problem] = launch }
    }
    let allowed =
      librariesAllowed && options.allowsLibraries && !options.isDeterministic
      && (try? libraries.cublasLt.get()) != nil
    let bench = try ProductBench(self, problems.keys.map { $0 }, librariesAllowed: allowed)
    var choices: [ProductProblem: (index: Int, words: String)] = [:]
    var products: [TunedProduct] = []
    for (number, (problem, launch)) in problems.sorted(by: { $0.value.problem < $1.value.problem }).enumerated() {
      let times = try bench.times(problem, launch)
      progress(Double(number + 1) / Double(max(problems.count, 1)))
      guard let best = times.indices.min(by: { times[$0] < times[$1] }) else { continue }
      let index = times[best] < 0.98 * times[0] ? best : 0
      let name = bench.name(problem, launch, index)
      choices[problem] = (index, "tuned on \(properties.name): \((times[index] * 1e7).rounded() / 10) us")
      products.append(TunedProduct(problem: problem, before: times[0], best: times[index], name: name))
    }
    var tuned = plan
    for variant in tuned.variants.indices {
      for index in tuned.variants[variant].launches.indices {
        let launch = tuned.variants[variant].launches[index]
        guard let problem = launch.product, let choice = choices[problem] else { continue }
        let candidates = bench.candidates(problem, launch)
        guard candidates.indices.contains(choice.index) else { continue }
        tuned.variants[variant].launches[index] = launch.computed(
          by: candidates[choice.index].chosen(choice.words), on: traits)
      }
    }
    return (tuned, products)
  }
}

/// Memory for one product at a time, and the times of its candidates.
private final class ProductBench {
  private static let l2Rounds = 3

  private let device: CUDADevice
  private let context: Context
  private let stream: Stream
  private let librariesAllowed: Bool
  private let products: (any ProductRunner)?
  private let memory: SharedBuffer
  /// Bytes of a weight, activations, result and residual of the largest product.
  private let regionBytes: Int
  private let counters: DeviceBuffer

  init(_ device: CUDADevice, _ problems: [ProductProblem], librariesAllowed: Bool) throws {
    self.device = device
    self.librariesAllowed = librariesAllowed
    context = try device.context()
    stream = try Stream(context)
    products = librariesAllowed ? try LibraryProducts(try device.libraries.cublasLt.get(), context) : nil
    regionBytes =
      problems.map { problem in
        max(problem.n * problem.k * 4, problem.maximumRows * max(problem.k, problem.n) * 4)
      }.max() ?? 256
    memory = try SharedBuffer(context, byteCount: (regionBytes + 255) / 256 * 256 * (Self.l2Rounds + 4))
    counters = try DeviceBuffer(context, byteCount: Buffer.counterBytes)
    try stream.fill(counters.address, byteCount: Buffer.counterBytes, with: 0)
    try stream.fillRandomly(memory.address, byteCount: memory.byteCount, .bfloat16)
  }

  func candidates(_ problem: ProductProblem, _ launch: Launch) -> [LargeProduct] {
    guard let x = launch.reference(at: Self.xOffset), let weight = launch.reference(at: Self.weightOffset) else {
      return []
    }
    return problem.tuningCandidates(on: device.traits, x: x, weight: weight, librariesAllowed: librariesAllowed)
  }

  func name(_ problem: ProductProblem, _ launch: Launch, _ index: Int) -> String {
    switch candidates(problem, launch)[index] {
    case .library: return "cuBLASLt"
    case .kernel(let shape):
      let defines = Dictionary(shape.function.defines.map { ($0.name, $0.value) }, uniquingKeysWith: { a, _ in a })
      guard let rows = defines["NT_TILE_M"], let columns = defines["NT_TILE_N"] else { return shape.function.entry }
      return "\(shape.function.entry), \(rows) x \(columns)"
    }
  }

  private static let xOffset = MemoryLayout<nt_matmul_arguments>.offset(of: \.x) ?? 0
  private static let weightOffset = MemoryLayout<nt_matmul_arguments>.offset(of: \.w) ?? 0

  /// Seconds of each candidate.
  func times(_ problem: ProductProblem, _ launch: Launch) throws -> [Double] {
    let rows = problem.maximumRows
    let counts = StepCounts(tokens: rows, sequences: rows, scoredRows: rows)
    let candidates = candidates(problem, launch)
    let launches = candidates.map { launch.computed(by: $0, on: device.traits) }
    let modules = try LoadedModules(
      launches.compactMap(\.gpu), context: context, cache: device.cache, libraries: device.libraries)
    let limits = PlanLimits(tokens: rows, sequences: rows, scoredRows: rows, sequenceLength: 64, blockSize: 64)
    let region = UInt64((regionBytes + 255) / 256 * 256)
    // The same launch with weights in several places, so that none is in the cache when it is read.
    let variants = try (0..<Self.l2Rounds).map { round in
      var places: [BufferReference: UInt64] = [:]
      return try LoadedVariant(
        PlanVariant(maximumTokens: rows, launches: launches, activationBytes: 0, placements: []), limits: limits,
        blockCount: 1, modules: modules, products: products, options: device.options, driver: context.driver
      ) { [memory, counters = counters.address] reference in
        if case .counters = reference.buffer { return counters }
        if case .weight = reference.buffer { return memory.address + UInt64(round) * region }
        let number = places[reference] ?? UInt64(places.count)
        places[reference] = number
        return memory.address + (UInt64(Self.l2Rounds) + min(number, 3)) * region
      }
    }
    return try launches.indices.map { index in
      let graph = try stream.capture {
        for round in 0..<12 {
          variants[round % Self.l2Rounds].fill(counts)
          try variants[round % Self.l2Rounds].launch(index, counts, in: stream)
        }
      }
      return try time(graph) / 12
    }
  }

  private func time(_ graph: borrowing CUDAGraph) throws -> Double {
    let executable = try CUDAGraphExec(graph)
    let watch = try Stopwatch(context)
    try stream.launch(executable)
    let times = try (0..<7).map { _ in try watch.seconds(in: stream) { try stream.launch(executable) } }
    return times.sorted()[times.count / 2]
  }
}
