import CNeedletailKernels
import NeedletailGraph
import NeedletailKernels

/// A kernel run on the CPU over operands in guarded memory.
///
///     let operands = problem.operands()
///     let run = CPUKernelRun(problem, operands, on: .avx2, expected: problem.expected(operands))
///     #expect(run.complaints == [])
public struct CPUKernelRun {
  /// What is wrong with the results, in sentences; empty: nothing.
  public let complaints: [String]
  /// The written operands afterwards.
  public let outputs: [String: [UInt8]]

  /// Runs a problem.
  ///
  /// - Parameters:
  ///   - shift: elements by which operands are moved off their alignment, as parts of merged arrays are.
  ///   - expected: what results are compared with; the reference takes longer than the kernel, so it is run by the
  ///     caller, once for all instruction sets.
  public init<Case: KernelCase>(
    _ problem: Case, _ operands: Operands, on instructionSet: InstructionSet, threads: Int = 1, shift: Int = 0,
    expected: [String: [Float]] = [:]
  ) {
    guard let kernel = nt_cpu_find_kernel(Case.kernel, instructionSet.isa),
      let pool = nt_pool_create(UInt32(threads))
    else { preconditionFailure("no kernel \(Case.kernel), or no thread") }
    defer { nt_pool_destroy(pool) }
    let memories = operands.list.map { GuardedMemory($0, shift: shift) }
    defer { for memory in memories { memory.free() } }
    var arguments = problem.arguments { name in
      operands.list.firstIndex { $0.name == name }.map { memories[$0].start }
    }
    withUnsafePointer(to: &arguments) { pointer in
      var launch = nt_cpu_launch(kernel: kernel, arguments: pointer)
      nt_pool_run(pool, &launch, 1, nil)
    }

    var outputs: [String: [UInt8]] = [:]
    var complaints: [String] = []
    for (operand, memory) in zip(operands.list, memories) {
      if !memory.isGuardIntact { complaints.append("\(operand.name): wrote outside of it") }
      if operand.isOutput {
        outputs[operand.name] = memory.contents
      } else if operand.prepared == nil, memory.contents != operand.bytes {
        complaints.append("\(operand.name): wrote to an input")
      }
    }
    for (name, values) in expected.sorted(by: { $0.key < $1.key }) {
      guard let operand = operands.list.first(where: { $0.name == name }), let bytes = outputs[name] else { continue }
      complaints += Self.complaints(of: operand, bytes, values, problem.bounds(operand.dtype))
    }
    self.outputs = outputs
    self.complaints = complaints.map { "\(problem) on \(instructionSet.name), \(threads) threads: \($0)" }
  }

  /// Compares an operand's bytes with what they should be: near the numbers, and the old bytes where there is none.
  public static func complaints(
    of operand: Operand, _ bytes: [UInt8], _ expected: [Float], _ bounds: Comparison.Bounds
  ) -> [String] {
    precondition(expected.count * operand.dtype.byteCount == bytes.count, "\(operand.name) has another size")
    let result = operand.dtype.decoded(bytes)
    let size = operand.dtype.byteCount
    var complaints: [String] = []
    let written = expected.indices.filter { !expected[$0].isNaN }
    let untouched = expected.indices.first { index in
      expected[index].isNaN
        && bytes[index * size..<(index + 1) * size] != operand.bytes[index * size..<(index + 1) * size]
    }
    if let untouched { complaints.append("\(operand.name): wrote to element \(untouched), which is not its") }
    let comparison = Comparison(written.map { result[$0] }, written.map { expected[$0] })
    if let complaint = comparison.complaint(bounds) { complaints.append("\(operand.name): \(complaint)") }
    return complaints
  }
}

/// An operand in memory of its own, between bytes that must stay as they are. Those read by mistake are not numbers.
private struct GuardedMemory {
  private let memory: UnsafeMutableRawBufferPointer
  private let offset: Int
  private let count: Int
  private static let margin = 256

  init(_ operand: Operand, shift: Int) {
    let bytes = operand.prepared.map { Self.packed(operand, $0) } ?? operand.bytes
    // Weights and constants are always aligned.
    offset = Self.margin + (operand.prepared == nil ? shift * operand.dtype.byteCount : 0)
    count = bytes.count
    memory = .allocate(byteCount: offset + count + Self.margin, alignment: 64)
    memory.initializeMemory(as: UInt8.self, repeating: 0xFF)
    bytes.withUnsafeBytes { source in
      guard let base = source.baseAddress else { return }
      start.copyMemory(from: base, byteCount: count)
    }
  }

  var start: UnsafeMutableRawPointer {
    guard let base = memory.baseAddress else { preconditionFailure("guarded memory is never empty") }
    return base + offset
  }
  var contents: [UInt8] { Array(memory[offset..<offset + count]) }
  var isGuardIntact: Bool {
    memory[..<offset].allSatisfy { $0 == 0xFF } && memory[(offset + count)...].allSatisfy { $0 == 0xFF }
  }
  func free() { memory.deallocate() }

  private static func packed(_ operand: Operand, _ shape: Operand.WeightShape) -> [UInt8] {
    let (n, k) = (Int64(shape.rows), Int64(shape.columns))
    let type = operand.dtype.rawValue
    var packed = [UInt8](repeating: 0xFF, count: Int(nt_cpu_packed_bytes(n, k, type)))
    nt_cpu_pack_weights(&packed, operand.bytes, 0, n, n, k, k, type, type)
    return packed
  }
}
