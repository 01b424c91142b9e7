import NeedletailCompiler
import NeedletailGraph
import NeedletailKernels
import Testing

/// Runs a pass over a graph and compares the text of what comes out, scopes left out, with what is expected.
func expect(
  _ pass: Pass, context: PassContext = .float32, of model: String, gives expected: String,
  at location: SourceLocation = #_sourceLocation
) throws {
  let text = try Pipeline.run(Graph(text: model.withoutIndentation), context, passes: [pass]).text.withoutScopes
  #expect(text == expected.withoutIndentation, "\n\(text)", sourceLocation: location)
}

/// Runs a pass over a graph and expects that it leaves it as it was.
func expectUnchanged(
  by pass: Pass, context: PassContext = .float32, _ model: String, at location: SourceLocation = #_sourceLocation
) throws {
  let graph = try Graph(text: model.withoutIndentation)
  let text = try Pipeline.run(graph, context, passes: [pass]).text
  #expect(text == graph.text, "\n\(text)", sourceLocation: location)
}

extension PassContext {
  static let float32 = PassContext(precision: PrecisionPolicy(.float32))
  /// Everything that may be computed together is, as for small steps of a GPU.
  static let fused = PassContext(
    precision: PrecisionPolicy(.bfloat16, intermediates: .bfloat16), fusions: Set(Fusion.allCases)
  ) { _ in .bfloat16 }
  static let bfloat16 = PassContext(precision: PrecisionPolicy(.bfloat16)) { _ in .bfloat16 }
}

extension String {
  var withoutIndentation: String {
    split(separator: "\n").map { String($0.drop { $0 == " " }) }.joined(separator: "\n") + "\n"
  }

  var withoutScopes: String {
    split(separator: "\n").map { line in
      var code = line.prefix { $0 != "#" }
      while code.last == " " { code.removeLast() }
      return String(code)
    }.joined(separator: "\n") + "\n"
  }
}

extension PassContext {
  /// The same without one fusion.
  func without(_ fusion: Fusion) -> PassContext {
    var context = self
    context.fusions.remove(fusion)
    return context
  }
}
