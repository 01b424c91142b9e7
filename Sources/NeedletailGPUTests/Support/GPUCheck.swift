import NeedletailKernels

/// One thing that must hold on a real GPU.
struct GPUCheck: Sendable {
  /// Subject and case, as "graph/replay"; unique, and what a filter of the command line is compared with.
  let name: String
  /// Returns what was measured; throws where the check fails, or `CheckSkipped`.
  let body: @Sendable (GPU) throws -> String
  /// The product's kernels that it launches on such a GPU, as far as they are known without one.
  let functions: @Sendable (GPUTraits) throws -> [GPUFunction]

  init(
    _ name: String, functions: @escaping @Sendable (GPUTraits) throws -> [GPUFunction] = { _ in [] },
    _ body: @escaping @Sendable (GPU) throws -> String
  ) {
    self.name = name
    self.body = body
    self.functions = functions
  }
}

/// A check that does not hold, in a sentence.
struct CheckFailure: Error, CustomStringConvertible {
  let description: String
}

/// A check that this machine cannot run, and why.
struct CheckSkipped: Error, CustomStringConvertible {
  let description: String
}

/// Throws the sentence where the condition does not hold.
func expect(_ condition: Bool, _ sentence: @autoclosure () -> String) throws {
  if !condition { throw CheckFailure(description: sentence()) }
}

/// The error that `body` must throw, once its sentence has all the given parts: an error has to name what it is about.
func expectError<Failure: Error>(
  _ type: Failure.Type, naming parts: String..., from body: () throws -> Void
) throws -> Failure {
  do {
    try body()
  } catch let error as Failure {
    for part in parts {
      try expect("\(error)".contains(part), "the error does not say \"\(part)\": \(error)")
    }
    return error
  }
  throw CheckFailure(description: "nothing was thrown; expected a \(type)")
}
