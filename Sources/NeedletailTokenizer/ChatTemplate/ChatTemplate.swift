import NeedletailJSON

/// A model's chat template: what turns the messages of a conversation into the text of a prompt.
///
///     let template = try ChatTemplate(source)
///     let prompt = try template.render(
///       messages: [["role": "user", "content": "Hello"]], tools: nil, addGenerationPrompt: true,
///       specialTokens: ["bos_token": "<s>"])
///
/// Templates are programs in Jinja that come with checkpoints. They run as under Hugging Face transformers, and give the
/// same text, but cannot read files, change what they are given, or run longer than `Limits` allows. A render needs less
/// than 300 KB of stack. Reading a template takes time linear in its length; one template can render on many threads.
public struct ChatTemplate: Sendable {
  private let statements: [Jinja.Statement]
  private let names: [String]

  /// How much a render may take before it ends with an error.
  public struct Limits: Sendable {
    /// Nodes of the template's tree, elements of sequences, and 64 bytes of text count as one step each.
    public var maximumSteps: Int
    /// Bytes of the prompt, and of any text that the template makes.
    public var maximumOutputBytes: Int
    /// Blocks, expressions and calls of macros within each other; more than 200 may not fit a stack of 512 KB.
    public var maximumDepth: Int

    /// The defaults allow prompts of a million tokens.
    public init(maximumSteps: Int = 1_000_000, maximumOutputBytes: Int = 4 << 20, maximumDepth: Int = 200) {
      self.maximumSteps = maximumSteps
      self.maximumOutputBytes = maximumOutputBytes
      self.maximumDepth = maximumDepth
    }
  }

  /// The largest source that is read, in bytes.
  public static let maximumSourceBytes = 1 << 20

  /// Reads a template.
  ///
  /// - Throws: where the source is no template, with the line.
  public init(_ source: String) throws(ChatTemplateError) {
    guard source.utf8.count <= Self.maximumSourceBytes else {
      throw ChatTemplateError(.syntax, "The template is longer than \(Self.maximumSourceBytes) bytes.")
    }
    do {
      var parser = try Jinja.Parser(source)
      statements = try parser.template()
      names = parser.names
    } catch { throw Self.typed(error) }
  }

  /// Renders with the given variables; `now` is what `strftime_now` tells.
  public func render(
    _ context: JSONObject, limits: Limits = .init(), now: Moment = .now
  ) throws(ChatTemplateError) -> String {
    do {
      let converter = Jinja.Interpreter(names: [], context: [], limits: limits, moment: now)
      let values: [Jinja.Value?] = try names.map { name in
        if let given = context[name] { return try converter.value(given) }
        return Jinja.globals[name].map { .object(Jinja.Function(name, $0)) }
      }
      let interpreter = Jinja.Interpreter(names: names, context: values, limits: limits, moment: now)
      defer { interpreter.finish() }
      do {
        _ = try interpreter.execute(statements, in: interpreter.root)
      } catch {
        var error = Self.typed(error)
        error.line = error.line ?? interpreter.line
        throw error
      }
      return interpreter.output
    } catch { throw Self.typed(error) }
  }

  private static func typed(_ error: any Error) -> ChatTemplateError {
    error as? ChatTemplateError ?? ChatTemplateError(.runtime, "\(error)")
  }
}
