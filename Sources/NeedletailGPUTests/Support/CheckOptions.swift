/// What the command line asks for.
struct CheckOptions {
  /// A command line that is not understood, in a sentence.
  struct Mistake: Error, CustomStringConvertible {
    let description: String
  }

  /// Parts of names of the checks that are wanted; none: all.
  var filters: [String] = []
  /// Whether names are only printed.
  var lists = false
  /// Where the reference models are.
  var goldens = ProgramFolder.path + "/goldens"
  /// Whether each operand lies in memory of its own.
  var separatesOperands = false
  /// How far an earlier process came, whose context was lost.
  var start = CheckProgress()
  /// The folder into which kernels are compiled instead of running checks.
  var compiles: String?

  static func parse(_ arguments: [String]) -> Result<CheckOptions, Mistake> {
    var options = CheckOptions()
    var rest = arguments[...]
    while let argument = rest.popFirst() {
      switch argument {
      case "--list": options.lists = true
      case "--separate": options.separatesOperands = true
      case "--after":
        // What `CheckProgress.description` gives; for the program's own use.
        guard let progress = rest.popFirst().flatMap(CheckProgress.init) else {
          return .failure(Mistake(description: "--after needs numbers"))
        }
        options.start = progress
      case "--goldens", "--compile":
        guard let folder = rest.popFirst() else {
          return .failure(Mistake(description: "\(argument) needs a folder"))
        }
        if argument == "--compile" { options.compiles = folder } else { options.goldens = folder }
      case _ where argument.hasPrefix("-"): return .failure(Mistake(description: "\(argument) is unknown"))
      default: options.filters.append(argument)
      }
    }
    return .success(options)
  }
}
