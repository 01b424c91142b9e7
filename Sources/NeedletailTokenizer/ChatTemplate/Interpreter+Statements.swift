extension Jinja.Interpreter {
  typealias Value = Jinja.Value
  typealias Arguments = Jinja.Arguments
  typealias Scope = Jinja.Scope
  typealias Flow = Jinja.Flow

  /// Runs statements in order, until one breaks or continues a loop.
  func execute(_ statements: [Jinja.Statement], in scope: Scope) throws -> Flow {
    try nested {
      for statement in statements {
        line = statement.line
        try charge(1)
        let flow = try execute(statement, in: scope)
        if flow != .normal { return flow }
      }
      return .normal
    }
  }

  private func execute(_ statement: Jinja.Statement, in scope: Scope) throws -> Flow {
    switch statement.kind {
    case .text(let text): try write(text)
    case .output(let expression): try write(text(of: evaluate(expression, in: scope)))
    case .set(let target, let expression): try assign(evaluate(expression, in: scope), to: target, in: scope)
    case .condition(let branches, let otherwise):
      for branch in branches where try evaluate(branch.test, in: scope).isTrue {
        return try execute(branch.body, in: scope)
      }
      return try execute(otherwise, in: scope)
    case .loop(let syntax): return try loop(over: evaluate(syntax.iterable, in: scope), syntax, depth: 0, in: scope)
    case .macro(let syntax):
      scope.set(syntax.identifier, .object(try keep(Jinja.Macro(syntax, scope: scope))))
    case .break: return .break
    case .continue: return .continue
    default: return try executeBlock(statement, in: scope)
    }
    return .normal
  }

  private func executeBlock(_ statement: Jinja.Statement, in scope: Scope) throws -> Flow {
    switch statement.kind {
    case .setBlock(let target, let filters, let body):
      let (text, flow) = try captured { try execute(body, in: Scope(parent: scope)) }
      if flow != .normal { return flow }
      try assign(apply(filters, to: .string(text), in: scope), to: target, in: scope)
    case .filterBlock(let filters, let body):
      let (text, flow) = try captured { try execute(body, in: Scope(parent: scope)) }
      if flow != .normal { return flow }
      try write(self.text(of: apply(filters, to: .string(text), in: scope)))
    case .with(let values, let body):
      let inner = Scope(parent: scope)
      for (target, expression) in values { try assign(evaluate(expression, in: scope), to: target, in: inner) }
      return try execute(body, in: inner)
    case .block(let body): return try execute(body, in: Scope(parent: root))
    case .generation(let body): return try execute(body, in: Scope(parent: scope))
    case .callBlock(let callee, let syntax, let body):
      var arguments = try self.arguments(syntax, in: scope)
      let caller = try keep(Jinja.Macro(body, scope: scope))
      guard arguments.take("caller") == nil else { throw failure("A call block gives 'caller' itself.") }
      arguments.named.append(("caller", .object(caller)))
      try write(text(of: call(evaluate(callee, in: scope), arguments)))
    default: break
    }
    return .normal
  }

  /// Gives a value to a variable, an attribute of a namespace, or its elements to several of these.
  func assign(_ value: Value, to target: Jinja.Target, in scope: Scope) throws {
    switch target {
    case .name(let identifier): scope.set(identifier, value)
    case .attribute(let identifier, let attribute):
      guard case .object(let object) = variable(identifier, in: scope), let namespace = object as? Jinja.Namespace
      else { throw failure("An attribute can only be set on a namespace.") }
      namespace.set(attribute, value)
    case .tuple(let targets):
      let elements = try elements(of: value, limit: targets.count + 1)
      guard elements.count == targets.count else {
        let problem = elements.count > targets.count ? "too many" : "too few"
        throw failure("There are \(problem) values to unpack: \(targets.count) are expected.")
      }
      for (target, element) in zip(targets, elements) { try assign(element, to: target, in: scope) }
    }
  }
}
