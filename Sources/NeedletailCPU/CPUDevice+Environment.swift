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
    try instructionSet(environmentValue: getenv("NEEDLETAIL_CPU").map { String(cString: $0) })
  }

  /// The instruction set that a value of NEEDLETAIL_CPU names; nil for none and for an empty one. Throws where it names
  /// none, with the known names.
  public static func instructionSet(environmentValue name: String?) throws(CPUError) -> InstructionSet? {
    guard let name, !name.isEmpty else { return nil }
    guard let instructionSet = InstructionSet(rawValue: name) else {
      let names = InstructionSet.allCases.map(\.name).joined(separator: ", ")
      throw CPUError("NEEDLETAIL_CPU is \"\(name)\"; it may be \(names)")
    }
    return instructionSet
  }

  /// The cores this process may run on.
  public static var coreCount: Int { Int(nt_cpu_core_count()) }
}
