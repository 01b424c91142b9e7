import CNeedletailKernels
import NeedletailCPU
import NeedletailGraph
import NeedletailKernels
import Testing

/// What the device refuses, and in which words; what it tells of itself.
@Suite struct CPUDeviceTests {
  private let weight = Weight(parts: [.init("a", shape: [40, 8])])
  private let source = CheckpointOfArrays(["a": [40, 8]], stored: .float32)

  private func loadedPlan(_ device: CPUDevice) throws -> any LoadedPlan {
    let plan = try GatherPlan.plan(weight, .float32, .rowMajor, catalog: device.catalog)
    return try device.load(plan, weights: source, blockCount: 1, progress: nil)
  }

  @Test func unknownInstructionSet() {
    #expect(
      throws: CPUError("NEEDLETAIL_CPU is \"pentium\"; it may be plain, neon, avx2, avx512, avx512bf16")
    ) { try CPUDevice.instructionSet(environmentValue: "pentium") }
  }

  @Test func knownInstructionSets() throws {
    for set in InstructionSet.allCases {
      #expect(try CPUDevice.instructionSet(environmentValue: set.name) == set)
    }
    #expect(try CPUDevice.instructionSet(environmentValue: nil) == nil)
    #expect(try CPUDevice.instructionSet(environmentValue: "") == nil)
  }

  @Test(.enabled(if: InstructionSet.allCases.contains { !$0.isAvailable })) func missingInstructionSet() throws {
    let missing = try #require(InstructionSet.allCases.first { !$0.isAvailable })
    let error = #expect(throws: CPUError.self) { try CPUDevice(threads: 1, instructionSet: missing) }
    let message = error?.description ?? ""
    #expect(message.contains("no \(missing.name)"))
    for set in InstructionSet.allCases where set.isAvailable { #expect(message.contains(set.name)) }
  }

  @Test(arguments: [0, -1, 1025]) func absurdNumbersOfThreads(_ threads: Int) {
    #expect(throws: CPUError("threads must be 1 to 1024, not \(threads)")) { try CPUDevice(threads: threads) }
  }

  @Test(arguments: InstructionSet.allCases.filter(\.isAvailable)) func summary(_ set: InstructionSet) throws {
    #expect(try CPUDevice(threads: 1, instructionSet: set).summary == "CPU \(set.name), 1 thread")
    #expect(try CPUDevice(threads: 2, instructionSet: set).summary == "CPU \(set.name), 2 threads")
    #expect(try CPUDevice(threads: 1, instructionSet: set).catalog.target.architecture == set.name)
  }

  @Test func plansOfOtherDevicesAreRefused() throws {
    let device = try CPUDevice(threads: 1, instructionSet: .plain)
    var plan = try GatherPlan.plan(weight, .float32, .rowMajor, catalog: device.catalog)
    plan.target.architecture = "sm_90a"
    plan.target.device = "cuda"
    #expect(throws: CPUError("the plan is for cuda sm_90a, not for CPU plain, 1 thread")) {
      try device.load(plan, weights: source, blockCount: 1, progress: nil)
    }
  }

  @Test func plansWithUnknownKernelsOrBuffersAreRefused() throws {
    let device = try CPUDevice(threads: 1, instructionSet: .plain)
    let plan = try GatherPlan.plan(weight, .float32, .rowMajor, catalog: device.catalog)
    var unknown = plan
    unknown.variants[0].launches[0].kernel = "nothing"
    #expect(throws: CPUError("the CPU device has no kernel nothing")) {
      try device.load(unknown, weights: source, blockCount: 1, progress: nil)
    }
    var dangling = plan
    dangling.variants[0].launches[0].arguments = dangling.variants[0].launches[0].arguments.mapReferences { _ in
      BufferReference(.weight(7))
    }
    #expect(throws: CPUError("the plan has no weight 7")) {
      try device.load(dangling, weights: source, blockCount: 1, progress: nil)
    }
  }

  @Test func stepsBeyondThePlansLimitsAreRefused() throws {
    let loaded = try loadedPlan(CPUDevice(threads: 1, instructionSet: .plain))
    for counts in [
      StepCounts(tokens: 41, sequences: 1, scoredRows: 0), StepCounts(tokens: 1, sequences: 2, scoredRows: 0),
      StepCounts(tokens: 1, sequences: 1, scoredRows: 2),
    ] {
      #expect(throws: CPUError.self) { try loaded.forward(counts, times: nil) }
    }
  }

  @Test func writesThatDoNotFitAreRefused() throws {
    let loaded = try loadedPlan(CPUDevice(threads: 1, instructionSet: .plain))
    let bytes = [UInt8](repeating: 0, count: 40 * 4 + 1)
    #expect(throws: CPUError("161 bytes do not fit input ids of 160")) {
      try bytes.withUnsafeBytes { try loaded.write($0, to: .input("ids")) }
    }
    #expect(throws: CPUError("the plan has no input other")) {
      try bytes.withUnsafeBytes { try loaded.write($0, to: .input("other")) }
    }
  }

  @Test func unknownOutputsAndSamplingWithoutLogitsAreRefused() throws {
    let loaded = try loadedPlan(CPUDevice(threads: 1, instructionSet: .plain))
    #expect(throws: CPUError("the plan has no output logits")) { try loaded.withOutput("logits") { $0.count } }
    #expect(throws: CPUError("the plan has no output logits")) {
      try loaded.sample(SampleRequest(rows: [nt_sampling_row()]))
    }
  }

  @Test func launchesAreTimedWhenAsked() throws {
    let loaded = try loadedPlan(CPUDevice(threads: 2, instructionSet: .plain))
    var times: [UInt64] = []
    var variant = -1
    try loaded.forward(StepCounts(tokens: 40, sequences: 1, scoredRows: 0)) { (variant, times) = ($0, $1) }
    #expect(variant == 0)
    #expect(times.count == 1)
  }

  @Test func anOutputHasTheRowsOfTheStep() throws {
    let loaded = try loadedPlan(CPUDevice(threads: 1, instructionSet: .plain))
    try loaded.forward(StepCounts(tokens: 3, sequences: 1, scoredRows: 0), times: nil)
    #expect(try loaded.withOutput("rows") { $0.count } == 3 * 8 * 4)
    try loaded.forward(StepCounts(tokens: 0, sequences: 1, scoredRows: 0), times: nil)
    #expect(try loaded.withOutput("rows") { $0.count } == 0)
  }
}
