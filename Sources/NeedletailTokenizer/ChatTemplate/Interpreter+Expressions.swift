extension Jinja.Interpreter {
  typealias Expression = Jinja.Expression

  /// The value of an expression.
  func evaluate(_ expression: Expression, in scope: Scope) throws -> Value {
    try charge(1)
    switch expression {
    case .literal(let literal): return Self.value(of: literal)
    case .name(let identifier): return variable(identifier, in: scope)
    default: return try nested { try compound(expression, in: scope) }
    }
  }

  private static func value(of literal: Jinja.Literal) -> Value {
    switch literal {
    case .none: .none
    case .bool(let value): .bool(value)
    case .int(let value): .int(value)
    case .double(let value): .double(value)
    case .string(let value): .string(value)
    }
  }

  // Each kind has a function of its own, so that what recurses has small frames.
  private func compound(_ expression: Expression, in scope: Scope) throws -> Value {
    switch expression {
    case .postfix(let base, let operations): return try apply(operations, to: evaluate(base, in: scope), in: scope)
    case .and(let operands): return try firstDeciding(operands, wanted: false, in: scope)
    case .or(let operands): return try firstDeciding(operands, wanted: true, in: scope)
    case .not(let operand): return .bool(!(try evaluate(operand, in: scope).isTrue))
    case .comparison(let first, let rest): return .bool(try comparison(first, rest, in: scope))
    case .arithmetic(let first, let rest): return try arithmetic(first, rest, in: scope)
    case .concatenation(let operands): return try concatenation(operands, in: scope)
    case .negative(let operand): return try negated(evaluate(operand, in: scope))
    case .positive(let operand): return try positive(evaluate(operand, in: scope))
    case .conditional(let test, let then, let otherwise):
      return try conditional(test, then, otherwise, in: scope)
    case .list(let elements): return try list(values(elements, in: scope))
    case .tuple(let elements): return try tuple(values(elements, in: scope))
    case .dict(let pairs): return try dictionary(pairs, in: scope)
    case .literal, .name: return try evaluate(expression, in: scope)
    }
  }

  private func values(_ expressions: [Expression], in scope: Scope) throws -> [Value] {
    var values: [Value] = []
    values.reserveCapacity(expressions.count)
    for expression in expressions { values.append(try evaluate(expression, in: scope)) }
    return values
  }

  private func dictionary(
    _ pairs: [(key: Expression, value: Expression)], in scope: Scope
  ) throws -> Value {
    var values: [(key: Value, value: Value)] = []
    for pair in pairs { values.append((try evaluate(pair.key, in: scope), try evaluate(pair.value, in: scope))) }
    return try dict(values)
  }

  /// The first operand whose truth is the wanted one, or the last operand.
  private func firstDeciding(_ operands: [Expression], wanted: Bool, in scope: Scope) throws -> Value {
    for operand in operands.dropLast() {
      let value = try evaluate(operand, in: scope)
      if value.isTrue == wanted { return value }
    }
    return try evaluate(operands[operands.count - 1], in: scope)
  }

  private func comparison(
    _ first: Expression, _ rest: [(Jinja.Comparison, Expression)], in scope: Scope
  ) throws -> Bool {
    var left = try evaluate(first, in: scope)
    for (comparison, expression) in rest {
      let right = try evaluate(expression, in: scope)
      guard try compare(left, comparison, right) else { return false }
      left = right
    }
    return true
  }

  private func arithmetic(
    _ first: Expression, _ rest: [(Jinja.Arithmetic, Expression)], in scope: Scope
  ) throws -> Value {
    var value = try evaluate(first, in: scope)
    for (arithmetic, expression) in rest { value = try compute(value, arithmetic, evaluate(expression, in: scope)) }
    return value
  }

  private func concatenation(_ operands: [Expression], in scope: Scope) throws -> Value {
    var out = ""
    for operand in operands { try append(text(of: evaluate(operand, in: scope)), to: &out) }
    return .string(out)
  }

  private func conditional(
    _ test: Expression, _ then: Expression, _ otherwise: Expression?, in scope: Scope
  ) throws -> Value {
    if try evaluate(test, in: scope).isTrue { return try evaluate(then, in: scope) }
    if let otherwise { return try evaluate(otherwise, in: scope) }
    return .undefined("The condition of an 'if' without 'else' is false.")
  }

  // MARK: Postfix

  /// Applies accesses, calls, filters and tests in order.
  func apply(_ operations: [Jinja.Postfix], to base: Value, in scope: Scope) throws -> Value {
    var value = base
    for operation in operations { value = try apply(operation, to: value, in: scope) }
    return value
  }

  private func apply(_ operation: Jinja.Postfix, to value: Value, in scope: Scope) throws -> Value {
    try charge(1)
    switch operation {
    case .attribute(let name): return try attribute(name, of: value)
    case .item(let item): return try self.item(evaluate(item, in: scope), of: value)
    case .slice(let start, let stop, let step):
      return try slice(
        value, start.map { try evaluate($0, in: scope) }, stop.map { try evaluate($0, in: scope) },
        step.map { try evaluate($0, in: scope) })
    case .call(let syntax): return try call(value, arguments(syntax, in: scope))
    case .filter(let name, let function, let syntax):
      guard let function else { throw failure("There is no filter named '\(name)'.") }
      return try filter(name, function, value, arguments(syntax, in: scope))
    case .test(let name, let function, let syntax, let isNegated):
      guard let function else { throw failure("There is no test named '\(name)'.") }
      return .bool(try function(self, value.unmarked, arguments(syntax, in: scope).unmarked) != isNegated)
    }
  }

  /// Applies a filter.
  func filter(
    _ name: String, _ function: Jinja.FilterFunction, _ value: Value, _ arguments: Arguments
  ) throws -> Value {
    guard case .markup(let text) = value else { return try function(self, value, arguments.unmarked) }
    switch name {
    case "e", "escape", "safe", "string": return value
    case "upper", "lower", "capitalize", "trim", "indent", "center":
      return .markup(try self.text(of: function(self, .string(text), arguments.unmarked)))
    default: return try function(self, .string(text), arguments.unmarked)
    }
  }

  /// The values of a call's arguments.
  func arguments(_ syntax: Jinja.CallSyntax, in scope: Scope) throws -> Arguments {
    var arguments = Arguments(positional: try values(syntax.positional, in: scope))
    for (name, value) in syntax.named { arguments.named.append((name, try evaluate(value, in: scope))) }
    if let splat = syntax.splat { arguments.positional += try elements(of: evaluate(splat, in: scope)) }
    if let splat = syntax.namedSplat {
      guard case .dict(let dict) = try evaluate(splat, in: scope) else {
        throw failure("'**' needs a dictionary.")
      }
      for (key, value) in dict.entries {
        guard case .string(let name) = key else { throw failure("'**' needs keys that are strings.") }
        guard !arguments.named.contains(where: { $0.name.isIdenticalText(to: name) }) else {
          throw failure("'\(name)' is given twice.")
        }
        arguments.named.append((name, value))
      }
    }
    return arguments
  }

  // MARK: Calls

  /// Calls a value.
  func call(_ callee: Value, _ arguments: Arguments) throws -> Value {
    switch callee {
    case .undefined(let problem): throw failure(problem)
    case .object(let function as Jinja.Function): return try function.call(self, arguments.unmarked)
    case .object(let macro as Jinja.Macro): return .string(try nested(weight: 2) { try call(macro, arguments) })
    case .object(let loop as Jinja.Loop):
      let elements = try arguments.bind("loop", ["iterable"], required: 1)
      guard let recurse = loop.recurse, let iterable = elements[0] else {
        throw failure("Only a loop marked 'recursive' can be called.")
      }
      return try nested { try recurse(iterable) }
    default: throw failure("A value of type '\(callee.typeName)' cannot be called.")
    }
  }

  private func call(_ macro: Jinja.Macro, _ arguments: Arguments) throws -> String {
    let syntax = macro.syntax
    let inner = Scope(parent: macro.scope)
    var rest = arguments
    rest.positional = Array(rest.positional.dropFirst(syntax.parameters.count))
    var hasCaller = syntax.parameters.contains { $0.name == "caller" }
    for (position, parameter) in syntax.parameters.enumerated() {
      if position < arguments.positional.count {
        inner.set(parameter.identifier, arguments.positional[position])
      } else if let value = rest.take(parameter.name) {
        inner.set(parameter.identifier, value)
      } else if let fallback = parameter.fallback {
        inner.set(parameter.identifier, try evaluate(fallback, in: inner))
      } else {
        inner.set(parameter.identifier, .undefined("The parameter '\(parameter.name)' was not given."))
      }
    }
    if syntax.uses.contains(.caller), !hasCaller {
      inner.set(Jinja.Parser.Special.caller, rest.take("caller") ?? .undefined("There is no caller."))
      hasCaller = true
    }
    if syntax.uses.contains(.named) {
      let pairs = rest.named.map { (key: Value.string($0.name), value: $0.value) }
      inner.set(Jinja.Parser.Special.named, try dict(pairs))
    } else if let surplus = rest.named.first {
      throw failure("The macro '\(syntax.name)' has no parameter named '\(surplus.name)'.")
    }
    if syntax.uses.contains(.positional) {
      inner.set(Jinja.Parser.Special.positional, try tuple(rest.positional))
    } else if !rest.positional.isEmpty {
      throw failure("The macro '\(syntax.name)' takes at most \(syntax.parameters.count) argument(s).")
    }
    let outerLine = line
    let text = try captured { try execute(syntax.body, in: inner) }.text
    line = outerLine
    return text
  }
}
