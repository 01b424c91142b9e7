import ArgumentParser
import Needletail
import NeedletailCPU
import NeedletailCUDA
import NeedletailCheckpoint
import NeedletailKernels
import NeedletailQuantize
import NeedletailTokenizer

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// An option, file or value that cannot be used: one sentence, exit code 2.
package struct UsageError: Error, CustomStringConvertible {
  /// The sentence.
  package let description: String
  package init(_ description: String) { self.description = description }
}

/// Something that went wrong while running: one sentence, exit code 1.
struct RunningError: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

/// How the command line ends when something is wrong.
enum Failure {
  /// Writes one sentence to standard error and ends the process. What the argument parser throws (also to show help) is
  /// left to it.
  static func exit(with error: any Error) -> Never {
    let code: Int32
    switch error {
    case is UsageError, is LoadError, is CheckpointError, is ConfigError, is ModelError, is GraphError, is CatalogError,
      is TokenizerError, is ChatTemplateError, is RequestRefusal, is CPUError, is JSONError, is KernelSourceError,
      is QuantizeError:
      code = 2
    case is RunningError, is EngineError, is CUDAError, is KernelCompileError: code = 1
    case is CancellationError: code = 130
    default: NeedletailCommand.exit(withError: error)
    }
    Terminal.flush()
    // A chat template may refuse in several lines.
    Terminal.error("Error: \("\(error)".split(whereSeparator: \.isNewline).joined(separator: " "))")
    end(code)
  }

  /// Ends the process at once, after what was written has left it. Exit handlers are left out: engines give back what they
  /// hold in threads of their own, and the GPU's driver must not be taken down beside them.
  static func end(_ code: Int32) -> Never {
    Terminal.flush()
    _exit(code)
  }
}
