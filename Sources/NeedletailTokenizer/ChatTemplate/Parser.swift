extension Jinja {
  /// Makes the tree of a source. Names of variables become positions in a table.
  struct Parser {
    private let tokens: [LocatedToken]
    private var position = 0
    private var nesting = 0
    private var identifiers: [String: Int] = [:]
    /// The names of the variables.
    private(set) var names: [String] = []
    /// Filters and tests that do not exist, in code not known to be conditional: Jinja refuses only those at once.
    var unknown: [(message: String, line: Int)] = []
    /// Loops around the statement, within its macro.
    var loopDepth = 0
    /// What the macros around the expression ask for.
    var macroUses: [MacroSyntax.Uses] = []

    /// Variables that the interpreter sets itself.
    enum Special {
      static let loop = 0
      static let caller = 1
      static let positional = 2
      static let named = 3
    }

    init(_ source: String) throws {
      tokens = try Lexer.tokens(of: source)
      for name in ["loop", "caller", "varargs", "kwargs"] { _ = identifier(name) }
    }

    /// Parses the whole source.
    mutating func template() throws -> [Statement] {
      let body = try statements(until: [], opening: nil)
      try checkUnknown(since: 0)
      return body
    }

    // MARK: Tokens

    var current: Token { tokens[position].token }
    var following: Token { tokens[min(position + 1, tokens.count - 1)].token }
    var line: Int { tokens[position].line }

    func error(_ message: String) -> ChatTemplateError { ChatTemplateError(.syntax, line: line, message) }

    mutating func next() { position = min(position + 1, tokens.count - 1) }

    mutating func take(_ token: Token) -> Bool {
      guard current == token else { return false }
      next()
      return true
    }

    mutating func takeName(_ name: String) -> Bool { take(.name(name)) }

    mutating func takeSymbol(_ symbol: String) -> Bool { take(.symbol(symbol)) }

    func isSymbol(_ symbol: String) -> Bool { current == .symbol(symbol) }

    mutating func expect(_ token: Token) throws {
      guard take(token) else { throw error("\(token.description) is expected, not \(current.description).") }
    }

    mutating func expectName() throws -> String {
      guard case .name(let name) = current else { throw error("A name is expected, not \(current.description).") }
      next()
      return name
    }

    mutating func identifier(_ name: String) -> Int {
      if let known = identifiers[name] { return known }
      names.append(name)
      identifiers[name] = names.count - 1
      return names.count - 1
    }

    /// Runs a part that nests in another one.
    mutating func nested<Result>(_ part: (inout Parser) throws -> Result) throws -> Result {
      guard nesting < maximumSourceNesting else {
        throw error("The template nests more than \(maximumSourceNesting) deep.")
      }
      nesting += 1
      defer { nesting -= 1 }
      return try part(&self)
    }

    /// Throws the first unknown filter or test found since a mark.
    func checkUnknown(since mark: Int) throws {
      guard unknown.count > mark else { return }
      throw ChatTemplateError(.syntax, line: unknown[mark].line, unknown[mark].message)
    }

    /// Leaves unknown filters and tests found since a mark to be refused when they are reached.
    mutating func forgiveUnknown(since mark: Int) { unknown.removeLast(unknown.count - mark) }
  }
}
