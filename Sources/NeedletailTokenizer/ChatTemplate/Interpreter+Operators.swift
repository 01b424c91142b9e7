#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

extension Jinja.Interpreter {
  // MARK: Comparisons

  /// Python's `==`.
  func areEqual(_ a: Value, _ b: Value) throws -> Bool {
    try charge(1)
    switch (a, b) {
    case (.undefined, .undefined), (.none, .none): return true
    case (.markup, _), (_, .markup): return try areEqual(a.unmarked, b.unmarked)
    case (.string(let a), .string(let b)):
      try charge(min(a.utf8.count, b.utf8.count) / 64)
      return a.isIdenticalText(to: b)
    case (.list(let a), .list(let b)), (.tuple(let a), .tuple(let b)):
      return try a === b || areEqual(a.elements, b.elements)
    case (.dict(let a), .dict(let b)):
      guard a !== b else { return true }
      guard a.entries.count == b.entries.count else { return false }
      for entry in a.entries {
        guard let other = b[try key(entry.key)], try areEqual(entry.value, other) else { return false }
      }
      return true
    case (.range(let a), .range(let b)):
      guard a.count == b.count else { return false }
      return a.count == 0 || (a.start == b.start && (a.count == 1 || a.step == b.step))
    case (.view(let a), .view(let b)): return try a === b || areEqual(a.elements, b.elements)
    case (.object(let a), .object(let b)): return a === b
    default:
      if let a = a.integer, let b = b.integer { return a == b }
      guard let a = a.number, let b = b.number else { return false }
      return a == b
    }
  }

  private func areEqual(_ a: [Value], _ b: [Value]) throws -> Bool {
    guard a.count == b.count else { return false }
    for (a, b) in zip(a, b) { guard try areEqual(a, b) else { return false } }
    return true
  }

  /// Python's `<`.
  func isLess(_ a: Value, _ b: Value) throws -> Bool {
    try charge(1)
    switch (a, b) {
    case (.undefined(let problem), _), (_, .undefined(let problem)): throw failure(problem)
    case (.markup, _), (_, .markup): return try isLess(a.unmarked, b.unmarked)
    case (.string(let a), .string(let b)):
      try charge(min(a.utf8.count, b.utf8.count) / 64)
      return a.precedesAsCodePoints(b)
    case (.list(let a), .list(let b)), (.tuple(let a), .tuple(let b)):
      for (a, b) in zip(a.elements, b.elements) where try !areEqual(a, b) { return try isLess(a, b) }
      return a.elements.count < b.elements.count
    default:
      if let a = a.integer, let b = b.integer { return a < b }
      guard let left = a.number, let right = b.number else {
        throw failure("Values of types '\(a.typeName)' and '\(b.typeName)' have no order.")
      }
      return left < right
    }
  }

  /// The result of a comparison of the template.
  func compare(_ a: Value, _ comparison: Jinja.Comparison, _ b: Value) throws -> Bool {
    switch comparison {
    case .equal: return try areEqual(a, b)
    case .notEqual: return try !areEqual(a, b)
    case .less: return try isLess(a, b)
    case .greater: return try isLess(b, a)
    case .lessOrEqual: return try isLess(a, b) || areEqual(a, b)
    case .greaterOrEqual: return try isLess(b, a) || areEqual(a, b)
    case .isIn: return try contains(b, a)
    case .isNotIn: return try !contains(b, a)
    }
  }

  /// Python's `element in container`.
  func contains(_ container: Value, _ element: Value) throws -> Bool {
    switch container {
    case .string(let text), .markup(let text):
      guard case .string(let part) = element.unmarked else {
        throw failure("Only a string can be in a string, not a value of type '\(element.typeName)'.")
      }
      return try part.isEmpty || !offsets(of: part, in: text, limit: 1).isEmpty
    case .dict(let dict): return dict[try key(element)] != nil
    case .undefined: return false
    case .list, .tuple, .view, .range, .object(is Jinja.Generator):
      let next = try cursor(over: container)
      while let candidate = try next() { if try areEqual(candidate, element) { return true } }
      return false
    default: throw failure("A value of type '\(container.typeName)' contains nothing.")
    }
  }

  // MARK: Arithmetic

  /// Python's `-a`.
  func negated(_ value: Value) throws -> Value {
    if case .undefined(let problem) = value { throw failure(problem) }
    if case .double(let value) = value { return .double(-value) }
    guard let integer = value.integer else { throw failure("A value of type '\(value.typeName)' has no negative.") }
    let (result, overflow) = 0.subtractingReportingOverflow(integer)
    return try checked(result, overflow)
  }

  /// Python's `+a`.
  func positive(_ value: Value) throws -> Value {
    if case .undefined(let problem) = value { throw failure(problem) }
    if case .double = value { return value }
    guard let integer = value.integer else { throw failure("'+' needs a number, not '\(value.typeName)'.") }
    return .int(integer)
  }

  private func checked(_ value: Int, _ overflow: Bool) throws -> Value {
    guard !overflow else { throw failure("An integer is too large.") }
    return .int(value)
  }

  /// Python's binary operators.
  func compute(_ a: Value, _ operation: Jinja.Arithmetic, _ b: Value) throws -> Value {
    if case .remainder = operation, case .string(let format) = a { return .string(try printed(format, b)) }
    if case .markup = a { return try computeMarkup(a, operation, b) }
    if case .markup = b { return try computeMarkup(a, operation, b) }
    switch (a, b) {
    case (.undefined(let problem), _), (_, .undefined(let problem)): throw failure(problem)
    default: break
    }
    if let a = a.integer, let b = b.integer { return try integers(a, operation, b) }
    if let a = a.number, let b = b.number { return try doubles(a, operation, b) }
    switch (operation, a, b) {
    case (.add, .string(let a), .string(let b)):
      try chargeText(bytes: a.utf8.count + b.utf8.count)
      return .string(a + b)
    case (.add, .list(let a), .list(let b)):
      try charge(a.elements.count + b.elements.count)
      return try list(a.elements + b.elements)
    case (.add, .tuple(let a), .tuple(let b)):
      try charge(a.elements.count + b.elements.count)
      return try tuple(a.elements + b.elements)
    case (.multiply, _, _):
      if let count = b.integer, let product = try repeated(a, count) { return product }
      if let count = a.integer, let product = try repeated(b, count) { return product }
    default: break
    }
    throw failure("'\(symbol(operation))' cannot be applied to '\(a.typeName)' and '\(b.typeName)'.")
  }

  /// Operators of texts marked as safe: the other operand is escaped, the result is marked.
  private func computeMarkup(_ a: Value, _ operation: Jinja.Arithmetic, _ b: Value) throws -> Value {
    func escape(_ value: Value) throws -> Value {
      if case .string(let text) = value { .string(try escaped(text)) } else { value.unmarked }
    }
    let result =
      operation == .add ? try compute(escape(a), operation, escape(b)) : try compute(a.unmarked, operation, b.unmarked)
    if case .string(let text) = result { return .markup(text) } else { return result }
  }

  private func symbol(_ operation: Jinja.Arithmetic) -> String {
    switch operation {
    case .add: "+"
    case .subtract: "-"
    case .multiply: "*"
    case .divide: "/"
    case .floorDivide: "//"
    case .remainder: "%"
    case .power: "**"
    }
  }

  private func repeated(_ value: Value, _ count: Int) throws -> Value? {
    let count = max(0, count)
    switch value {
    case .string(let text):
      let (bytes, overflow) = text.utf8.count.multipliedReportingOverflow(by: count)
      try chargeText(bytes: overflow ? .max : bytes)
      return .string(String(repeating: text, count: text.isEmpty ? 0 : count))
    case .list(let list), .tuple(let list):
      let (total, overflow) = list.elements.count.multipliedReportingOverflow(by: count)
      try charge(overflow ? .max : total)
      let elements = list.elements.isEmpty ? [] : Array(repeatElement(list.elements, count: count).joined())
      if case .list = value { return try self.list(elements) } else { return try tuple(elements) }
    default: return nil
    }
  }

  private func integers(_ a: Int, _ operation: Jinja.Arithmetic, _ b: Int) throws -> Value {
    switch operation {
    case .add:
      let (result, overflow) = a.addingReportingOverflow(b)
      return try checked(result, overflow)
    case .subtract:
      let (result, overflow) = a.subtractingReportingOverflow(b)
      return try checked(result, overflow)
    case .multiply:
      let (result, overflow) = a.multipliedReportingOverflow(by: b)
      return try checked(result, overflow)
    case .divide: return try doubles(Double(a), .divide, Double(b))
    case .floorDivide, .remainder:
      guard b != 0 else { throw failure("A number is divided by zero.") }
      guard b != -1 else { return operation == .remainder ? .int(0) : try negated(.int(a)) }
      let (quotient, remainder) = a.quotientAndRemainder(dividingBy: b)
      let isBelow = remainder != 0 && (remainder < 0) != (b < 0)
      return .int(operation == .remainder ? (isBelow ? remainder + b : remainder) : (isBelow ? quotient - 1 : quotient))
    case .power:
      guard b >= 0 else { return try doubles(Double(a), .power, Double(b)) }
      return try power(a, b)
    }
  }

  private func power(_ base: Int, _ exponent: Int) throws -> Value {
    if base == 0 || base == 1 { return .int(exponent == 0 ? 1 : base) }
    if base == -1 { return .int(exponent % 2 == 0 ? 1 : -1) }
    guard exponent < 64 else { throw failure("An integer is too large.") }
    var result = 1
    for _ in 0..<exponent {
      let (product, overflow) = result.multipliedReportingOverflow(by: base)
      guard !overflow else { throw failure("An integer is too large.") }
      result = product
    }
    return .int(result)
  }

  private func doubles(_ a: Double, _ operation: Jinja.Arithmetic, _ b: Double) throws -> Value {
    switch operation {
    case .add: return .double(a + b)
    case .subtract: return .double(a - b)
    case .multiply: return .double(a * b)
    case .divide, .floorDivide, .remainder:
      guard b != 0 else { throw failure("A number is divided by zero.") }
      if operation == .divide { return .double(a / b) }
      var remainder = a.truncatingRemainder(dividingBy: b)
      if remainder != 0, (remainder < 0) != (b < 0) { remainder += b }
      if remainder == 0 { remainder = b < 0 ? -0.0 : 0.0 }
      return .double(operation == .remainder ? remainder : ((a - remainder) / b).rounded())
    case .power:
      if a == 0, b < 0 { throw failure("Zero is raised to a negative power.") }
      guard a >= 0 || b == b.rounded() else { throw failure("A negative number is raised to a fraction.") }
      let result = pow(a, b)
      guard result.isFinite || !a.isFinite || !b.isFinite else { throw failure("A number is too large.") }
      return .double(result)
    }
  }
}
