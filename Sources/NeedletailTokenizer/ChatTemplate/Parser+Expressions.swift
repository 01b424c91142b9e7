extension Jinja.Parser {
  typealias Expression = Jinja.Expression

  /// A whole expression: `a if b else c`, or what binds closer.
  mutating func expression(isConditional: Bool = true) throws -> Expression {
    try nested { parser in isConditional ? try parser.conditional() : try parser.disjunction() }
  }

  private mutating func conditional() throws -> Expression {
    let mark = unknown.count
    var value = try disjunction()
    var count = 0
    while takeName("if") {
      count += 1
      guard count <= Jinja.maximumSourceNesting else { throw error("Too many conditions follow each other.") }
      let test = try disjunction()
      let otherwise = takeName("else") ? try nested { try $0.conditional() } : nil
      value = .conditional(test: test, then: value, otherwise: otherwise)
      forgiveUnknown(since: mark)
    }
    return value
  }

  private mutating func disjunction() throws -> Expression {
    var operands = [try conjunction()]
    while takeName("or") { operands.append(try conjunction()) }
    return operands.count == 1 ? operands[0] : .or(operands)
  }

  private mutating func conjunction() throws -> Expression {
    var operands = [try negation()]
    while takeName("and") { operands.append(try negation()) }
    return operands.count == 1 ? operands[0] : .and(operands)
  }

  private mutating func negation() throws -> Expression {
    guard takeName("not") else { return try comparison() }
    return .not(try nested { try $0.negation() })
  }

  private mutating func comparison() throws -> Expression {
    let first = try sum()
    var rest: [(Jinja.Comparison, Expression)] = []
    while let comparison = takeComparison() { rest.append((comparison, try sum())) }
    return rest.isEmpty ? first : .comparison(first, rest)
  }

  private mutating func takeComparison() -> Jinja.Comparison? {
    let comparison: Jinja.Comparison
    switch current {
    case .symbol("=="): comparison = .equal
    case .symbol("!="): comparison = .notEqual
    case .symbol("<"): comparison = .less
    case .symbol("<="): comparison = .lessOrEqual
    case .symbol(">"): comparison = .greater
    case .symbol(">="): comparison = .greaterOrEqual
    case .name("in"): comparison = .isIn
    case .name("not") where following == .name("in"):
      next()
      comparison = .isNotIn
    default: return nil
    }
    next()
    return comparison
  }

  private mutating func sum() throws -> Expression {
    try chain(["+": .add, "-": .subtract]) { try $0.concatenation() }
  }

  private mutating func concatenation() throws -> Expression {
    var operands = [try product()]
    while takeSymbol("~") { operands.append(try product()) }
    return operands.count == 1 ? operands[0] : .concatenation(operands)
  }

  private mutating func product() throws -> Expression {
    try chain(["*": .multiply, "/": .divide, "//": .floorDivide, "%": .remainder]) { try $0.power() }
  }

  // In Jinja powers are applied from left to right, and a sign binds closer: -2 ** 2 is 4.
  private mutating func power() throws -> Expression {
    try chain(["**": .power]) { try $0.unary(withFilters: true) }
  }

  private mutating func chain(
    _ operators: [String: Jinja.Arithmetic], _ operand: (inout Self) throws -> Expression
  ) throws -> Expression {
    let first = try operand(&self)
    var rest: [(Jinja.Arithmetic, Expression)] = []
    while case .symbol(let symbol) = current, let arithmetic = operators[symbol] {
      next()
      rest.append((arithmetic, try operand(&self)))
    }
    return rest.isEmpty ? first : .arithmetic(first, rest)
  }

  private mutating func unary(withFilters: Bool) throws -> Expression {
    let base: Expression
    if takeSymbol("-") {
      base = .negative(try nested { try $0.unary(withFilters: false) })
    } else if takeSymbol("+") {
      base = .positive(try nested { try $0.unary(withFilters: false) })
    } else {
      base = try primary()
    }
    var operations: [Jinja.Postfix] = []
    while let operation = try accessOrCall() { operations.append(operation) }
    if withFilters {
      while let operation = try filterTestOrCall() { operations.append(operation) }
    }
    return operations.isEmpty ? base : .postfix(base, operations)
  }

  /// A name, a literal, or an expression in brackets.
  mutating func primary() throws -> Expression {
    let token = current
    switch token {
    case .name(let name):
      next()
      switch name {
      case "true", "True": return .literal(.bool(true))
      case "false", "False": return .literal(.bool(false))
      case "none", "None": return .literal(.none)
      default: return .name(use(name))
      }
    case .string(let first):
      next()
      var text = first
      while case .string(let more) = current {
        text += more
        next()
      }
      return .literal(.string(text))
    case .integer(let value):
      next()
      return .literal(.int(value))
    case .float(let value):
      next()
      return .literal(.double(value))
    case .symbol("("):
      next()
      let value = try nested { try $0.tuple(inParentheses: true) }
      try expect(.symbol(")"))
      return value
    case .symbol("["):
      next()
      return .list(try nested { try $0.items(closing: "]") { try $0.expression() } })
    case .symbol("{"):
      next()
      return .dict(
        try nested { parser in
          try parser.items(closing: "}") { parser in
            let key = try parser.expression()
            try parser.expect(.symbol(":"))
            return (key, try parser.expression())
          }
        })
    default: throw error("A value is expected, not \(token.description).")
    }
  }

  private mutating func use(_ name: String) -> Int {
    let use: Jinja.MacroSyntax.Uses? =
      switch name {
      case "caller": .caller
      case "varargs": .positional
      case "kwargs": .named
      default: nil
      }
    if let use { for index in macroUses.indices { macroUses[index].insert(use) } }
    return identifier(name)
  }

  private mutating func items<Item>(
    closing: String, _ item: (inout Self) throws -> Item
  ) throws -> [Item] {
    var items: [Item] = []
    while !isSymbol(closing) {
      if !items.isEmpty { try expect(.symbol(",")) }
      if isSymbol(closing) { break }
      items.append(try item(&self))
    }
    next()
    return items
  }

  /// An expression or, with commas, a tuple of them.
  mutating func tuple(
    isConditional: Bool = true, inParentheses: Bool = false, endingBefore end: String? = nil
  ) throws -> Expression {
    var elements: [Expression] = []
    var isTuple = false
    while !isTupleEnd(end) {
      elements.append(try expression(isConditional: isConditional))
      guard takeSymbol(",") else { break }
      isTuple = true
    }
    if !isTuple {
      if let only = elements.first { return only }
      if !inParentheses { throw error("A value is expected, not \(current.description).") }
    }
    return .tuple(elements)
  }

  private func isTupleEnd(_ end: String?) -> Bool {
    switch current {
    case .variableEnd, .blockEnd, .symbol(")"): true
    case .name(let name): name == end
    default: false
    }
  }
}
