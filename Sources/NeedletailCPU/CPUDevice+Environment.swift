import CNeedletailKernels
import NeedletailKernels

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

extension CPUDevice {
  /// The instruction set that NEEDLETAIL_CPU names; nil where it is not set.
  static func environmentInstructionSet() throws(CPUError) -> InstructionSet? {
    guard let value = getenv("NEEDLETAIL_CPU") else { return nil }
    let name = String(cString: value)
    guard !name.isEmpty else { return nil }
    guard let instructionSet = InstructionSet(rawValue: name) else {
      throw CPUError(
        "NEEDLETAIL_CPU is \"\(name)\"; it may be \(InstructionSet.allCases.map(\.name).joined(separator: ", "))")
    }
    return instructionSet
  }

  /// The cores this process may run on.
  public static var coreCount: Int { Int(nt_cpu_core_count()) }
}
