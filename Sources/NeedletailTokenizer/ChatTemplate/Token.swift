extension Jinja {
  /// What the lexer finds.
  enum Token: Equatable {
    case data(String)
    case variableBegin
    case variableEnd
    case blockBegin
    case blockEnd
    case name(String)
    case string(String)
    case integer(Int)
    case float(Double)
    /// One of `Lexer.operators`.
    case symbol(String)
    case end

    /// The token as messages name it.
    var description: String {
      switch self {
      case .data: "text"
      case .variableBegin: "'{{'"
      case .variableEnd: "'}}'"
      case .blockBegin: "'{%'"
      case .blockEnd: "'%}'"
      case .name(let name): "'\(name)'"
      case .string: "a string"
      case .integer, .float: "a number"
      case .symbol(let symbol): "'\(symbol)'"
      case .end: "the end of the template"
      }
    }
  }

  /// A token and the line on which it starts.
  struct LocatedToken {
    let token: Token
    let line: Int
  }
}
