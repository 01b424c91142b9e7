extension Jinja.Parser {
  typealias Statement = Jinja.Statement
  typealias Target = Jinja.Target

  /// Statements up to a tag of one of the given names, at which the parser then stands.
  mutating func statements(until ends: [String], opening: (name: String, line: Int)?) throws -> [Statement] {
    var statements: [Statement] = []
    while true {
      let line = line
      switch current {
      case .data(let text):
        next()
        statements.append(Statement(line: line, kind: .text(text)))
      case .variableBegin:
        next()
        let value = try nested { try $0.tuple() }
        try expect(.variableEnd)
        statements.append(Statement(line: line, kind: .output(value)))
      case .blockBegin:
        next()
        if case .name(let name) = current, ends.contains(name) { return statements }
        statements += try nested { try $0.statement() }.map { Statement(line: line, kind: $0) }
        try expect(.blockEnd)
      case .end:
        guard let opening else { return statements }
        throw error("The template ends, but '\(opening.name)' of line \(opening.line) is not closed.")
      default: throw error("A tag is expected, not \(current.description).")
      }
    }
  }

  /// The body of a block from the end of its opening tag to one of the given tags, at whose name the parser then stands.
  private mutating func body(of name: String, line: Int, until ends: [String]) throws -> [Statement] {
    _ = takeSymbol(":")
    try expect(.blockEnd)
    return try statements(until: ends, opening: (name, line))
  }

  /// As `body`, for a block with its own variables; the closing tag's name is taken too.
  private mutating func scopedBody(of name: String, line: Int, until end: String) throws -> [Statement] {
    let mark = unknown.count
    let statements = try body(of: name, line: line, until: [end])
    next()
    try checkUnknown(since: mark)
    return statements
  }

  private mutating func statement() throws -> [Statement.Kind] {
    let line = line
    let name = try expectName()
    switch name {
    case "if": return [try condition(line: line)]
    case "for": return [try loop(line: line)]
    case "set": return [try set(line: line)]
    case "macro": return [try macro(line: line)]
    case "call": return [try callBlock(line: line)]
    case "with": return [try with(line: line)]
    case "filter":
      let filters = try filterChain(isFirstStarted: true)
      return [.filterBlock(filters, try scopedBody(of: name, line: line, until: "endfilter"))]
    case "generation": return [.generation(try macroBody(of: name, line: line, until: "endgeneration").0)]
    case "block":
      let block = try expectName()
      _ = takeName("scoped")
      let body = try macroBody(of: name, line: line, until: "endblock").0
      _ = takeName(block)
      return [.block(body)]
    case "print": return try printed()
    case "break", "continue":
      guard loopDepth > 0 else { throw error("'\(name)' stands outside a loop.") }
      return [name == "break" ? .break : .continue]
    case "include", "import", "from", "extends":
      throw error("'\(name)' is not supported: a chat template cannot read other files.")
    case "autoescape": throw error("'autoescape' is not supported: prompts are not escaped.")
    case "else", "elif", "endif", "endfor", "endset", "endmacro", "endcall", "endfilter", "endwith", "endblock":
      throw error("'\(name)' closes nothing here.")
    default: throw error("There is no tag named '\(name)'.")
    }
  }

  private mutating func printed() throws -> [Statement.Kind] {
    var values: [Statement.Kind] = []
    while current != .blockEnd {
      if !values.isEmpty { try expect(.symbol(",")) }
      values.append(.output(try expression()))
    }
    return values
  }

  private mutating func condition(line: Int) throws -> Statement.Kind {
    let mark = unknown.count
    var branches: [(test: Jinja.Expression, body: [Statement])] = []
    var otherwise: [Statement] = []
    while true {
      let test = try tuple(isConditional: false)
      branches.append((test, try body(of: "if", line: line, until: ["elif", "else", "endif"])))
      if takeName("elif") { continue }
      if takeName("else") { otherwise = try body(of: "if", line: line, until: ["endif"]) }
      next()
      break
    }
    forgiveUnknown(since: mark)
    return .condition(branches, otherwise: otherwise)
  }

  private mutating func loop(line: Int) throws -> Statement.Kind {
    let mark = unknown.count
    let target = try assignmentTarget(endingBefore: "in", withNamespace: false)
    try expect(.name("in"))
    let iterable = try tuple(isConditional: false, endingBefore: "recursive")
    let condition = takeName("if") ? try expression() : nil
    let isRecursive = takeName("recursive")
    loopDepth += 1
    let loopBody = try body(of: "for", line: line, until: ["endfor", "else"])
    loopDepth -= 1
    var otherwise: [Statement] = []
    if takeName("else") { otherwise = try body(of: "for", line: line, until: ["endfor"]) }
    next()
    try checkUnknown(since: mark)
    return .loop(
      .init(
        target: target, iterable: iterable, condition: condition, isRecursive: isRecursive, body: loopBody,
        otherwise: otherwise))
  }

  private mutating func set(line: Int) throws -> Statement.Kind {
    let target = try assignmentTarget(endingBefore: nil, withNamespace: true)
    if takeSymbol("=") { return .set(target, try tuple()) }
    let filters = try filterChain(isFirstStarted: false)
    return .setBlock(target, filters, try scopedBody(of: "set", line: line, until: "endset"))
  }

  private mutating func with(line: Int) throws -> Statement.Kind {
    var values: [(Target, Jinja.Expression)] = []
    while current != .blockEnd {
      if !values.isEmpty { try expect(.symbol(",")) }
      let target = try assignmentTarget(endingBefore: nil, withNamespace: false)
      try expect(.symbol("="))
      values.append((target, try expression()))
    }
    return .with(values, try scopedBody(of: "with", line: line, until: "endwith"))
  }

  private mutating func filterChain(isFirstStarted: Bool) throws -> [Postfix] {
    var filters: [Postfix] = []
    if isFirstStarted { filters.append(try filter()) }
    while takeSymbol("|") { filters.append(try filter()) }
    return filters
  }

  /// What is assigned to; with commas, several targets.
  private mutating func assignmentTarget(endingBefore end: String?, withNamespace: Bool) throws -> Target {
    var targets: [Target] = []
    var isTuple = false
    while true {
      if let end, isTuple, current == .name(end) { break }
      if isTuple, isSymbol("=") || current == .blockEnd || isSymbol(")") { break }
      targets.append(try singleTarget(withNamespace: withNamespace))
      guard takeSymbol(",") else { break }
      isTuple = true
    }
    return isTuple ? .tuple(targets) : targets[0]
  }

  private mutating func singleTarget(withNamespace: Bool) throws -> Target {
    if takeSymbol("(") {
      let inner = try nested { try $0.assignmentTarget(endingBefore: nil, withNamespace: withNamespace) }
      try expect(.symbol(")"))
      return inner
    }
    guard case .name(let name) = current,
      !["true", "false", "none", "True", "False", "None"].contains(name)
    else { throw error("A name to assign to is expected, not \(current.description).") }
    next()
    let variable = identifier(name)
    if withNamespace, takeSymbol(".") { return .attribute(variable, try expectName()) }
    return .name(variable)
  }

  // MARK: Macros

  /// The body of a function: loops around it do not reach into it. Also says what the body asks for.
  private mutating func macroBody(
    of name: String, line: Int, until end: String
  ) throws -> ([Statement], Jinja.MacroSyntax.Uses) {
    let outerLoops = loopDepth
    loopDepth = 0
    macroUses.append([])
    let body = try scopedBody(of: name, line: line, until: end)
    loopDepth = outerLoops
    return (body, macroUses.removeLast())
  }

  private mutating func macro(line: Int) throws -> Statement.Kind {
    let name = try expectName()
    let variable = identifier(name)
    let parameters = try signature()
    let (body, uses) = try macroBody(of: "macro", line: line, until: "endmacro")
    return .macro(.init(name: name, identifier: variable, parameters: parameters, body: body, uses: uses))
  }

  private mutating func callBlock(line: Int) throws -> Statement.Kind {
    let parameters = isSymbol("(") ? try signature() : []
    guard case .postfix(let base, var operations) = try expression(),
      case .call(let call)? = operations.popLast()
    else { throw error("A call is expected in 'call'.") }
    let (body, uses) = try macroBody(of: "call", line: line, until: "endcall")
    let callee = operations.isEmpty ? base : .postfix(base, operations)
    let caller = Jinja.MacroSyntax(
      name: "caller", identifier: Special.caller, parameters: parameters, body: body, uses: uses)
    return .callBlock(callee, call, caller)
  }

  private mutating func signature() throws -> [(name: String, identifier: Int, fallback: Jinja.Expression?)] {
    try expect(.symbol("("))
    var parameters: [(name: String, identifier: Int, fallback: Jinja.Expression?)] = []
    while !isSymbol(")") {
      if !parameters.isEmpty { try expect(.symbol(",")) }
      let name = try expectName()
      let fallback = takeSymbol("=") ? try expression() : nil
      if fallback == nil, parameters.last?.fallback != nil {
        throw error("A parameter without a default follows one with a default.")
      }
      parameters.append((name, identifier(name), fallback))
    }
    next()
    return parameters
  }
}
