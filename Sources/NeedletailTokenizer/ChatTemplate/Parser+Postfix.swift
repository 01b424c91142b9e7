extension Jinja.Parser {
  typealias Postfix = Jinja.Postfix

  /// `.name`, `[item]` or `(arguments)`, nil where none stands here.
  mutating func accessOrCall() throws -> Postfix? {
    switch current {
    case .symbol("."):
      next()
      switch current {
      case .name(let name):
        next()
        return .attribute(name)
      case .integer(let value):
        next()
        return .item(.literal(.int(value)))
      default: throw error("A name or a number is expected after '.', not \(current.description).")
      }
    case .symbol("["):
      next()
      return try nested { try $0.subscripting() }
    case .symbol("("): return .call(try callArguments())
    default: return nil
    }
  }

  /// `| name(arguments)`, `is name` or `(arguments)`, nil where none stands here.
  mutating func filterTestOrCall() throws -> Postfix? {
    switch current {
    case .symbol("|"):
      next()
      return try filter()
    case .name("is"):
      next()
      return try test()
    case .symbol("("): return .call(try callArguments())
    default: return nil
    }
  }

  /// A filter, whose name stands here.
  mutating func filter() throws -> Postfix {
    let line = line
    let name = try dottedName()
    let function = Jinja.filters[name]
    if function == nil { unknown.append(("There is no filter named '\(name)'.", line)) }
    return .filter(name, function, isSymbol("(") ? try callArguments() : .init())
  }

  private mutating func dottedName() throws -> String {
    var name = try expectName()
    while takeSymbol(".") { name += "." + (try expectName()) }
    return name
  }

  private mutating func test() throws -> Postfix {
    let isNegated = takeName("not")
    let line = line
    let name = try dottedName()
    let function = Jinja.tests[name]
    if function == nil { unknown.append(("There is no test named '\(name)'.", line)) }
    var arguments = Jinja.CallSyntax()
    switch current {
    case .symbol("("): arguments = try callArguments()
    case .name("else"), .name("or"), .name("and"): break
    case .name("is"): throw error("Tests cannot be chained with 'is'.")
    case .name, .string, .integer, .float, .symbol("["), .symbol("{"):
      arguments.positional = [
        try nested { parser in
          let base = try parser.primary()
          var operations: [Postfix] = []
          while let operation = try parser.accessOrCall() { operations.append(operation) }
          return operations.isEmpty ? base : .postfix(base, operations)
        }
      ]
    default: break
    }
    return .test(name, function, arguments, isNegated: isNegated)
  }

  private mutating func subscripting() throws -> Postfix {
    var operations: [Postfix] = []
    while !isSymbol("]") {
      if !operations.isEmpty { try expect(.symbol(",")) }
      operations.append(try subscripted())
    }
    next()
    if operations.count == 1 { return operations[0] }
    return .item(
      .tuple(
        try operations.map { operation in
          guard case .item(let item) = operation else { throw error("A slice in a tuple is not supported.") }
          return item
        }))
  }

  private mutating func subscripted() throws -> Postfix {
    var start: Expression?
    if !takeSymbol(":") {
      let item = try expression()
      guard takeSymbol(":") else { return .item(item) }
      start = item
    }
    let end = try sliceBound()
    let step = takeSymbol(":") ? try sliceBound() : nil
    return .slice(start, end, step)
  }

  private mutating func sliceBound() throws -> Expression? {
    isSymbol(":") || isSymbol("]") || isSymbol(",") ? nil : try expression()
  }

  /// The arguments of a call, whose opening parenthesis stands here.
  mutating func callArguments() throws -> Jinja.CallSyntax {
    try nested { try $0.argumentList() }
  }

  private mutating func argumentList() throws -> Jinja.CallSyntax {
    try expect(.symbol("("))
    var call = Jinja.CallSyntax()
    var isFirst = true
    while !isSymbol(")") {
      if !isFirst {
        try expect(.symbol(","))
        if isSymbol(")") { break }
      }
      isFirst = false
      if takeSymbol("*") {
        guard call.splat == nil, call.namedSplat == nil else { throw error("'*' stands where it cannot.") }
        call.splat = try expression()
      } else if takeSymbol("**") {
        guard call.namedSplat == nil else { throw error("'**' stands twice.") }
        call.namedSplat = try expression()
      } else if case .name(let name) = current, following == .symbol("=") {
        guard call.namedSplat == nil else { throw error("A named argument follows '**'.") }
        next()
        next()
        guard !call.named.contains(where: { $0.name == name }) else { throw error("'\(name)' is given twice.") }
        call.named.append((name, try expression()))
      } else {
        guard call.splat == nil, call.namedSplat == nil, call.named.isEmpty else {
          throw error("A positional argument follows a named one.")
        }
        call.positional.append(try expression())
      }
    }
    try expect(.symbol(")"))
    return call
  }
}
