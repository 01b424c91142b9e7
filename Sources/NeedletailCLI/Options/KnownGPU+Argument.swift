import Needletail
import NeedletailKernels

extension KnownGPU {
  /// The GPU that a value of --gpu names; a sentence with the known ones where it names none.
  static func argument(_ name: String) throws -> KnownGPU {
    guard let known = KnownGPU.named(name) else {
      let names = KnownGPU.all.map { "\($0.traits.architecture) (\($0.name))" }.joined(separator: ", ")
      throw UsageError("--gpu \(name) is not known; known are \(names)")
    }
    return known
  }
}
