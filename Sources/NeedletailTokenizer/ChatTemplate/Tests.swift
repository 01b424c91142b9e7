extension Jinja {
  /// All tests: what may follow `is`.
  static let tests: [String: TestFunction] = typeTests.merging(comparisonTests) { a, _ in a }

  private static let typeTests: [String: TestFunction] = [
    "defined": { _, value, _ in value.isDefined },
    "undefined": { _, value, _ in !value.isDefined },
    "none": { _, value, _ in if case .none = value { true } else { false } },
    "boolean": { _, value, _ in if case .bool = value { true } else { false } },
    "true": { _, value, _ in if case .bool(true) = value { true } else { false } },
    "false": { _, value, _ in if case .bool(false) = value { true } else { false } },
    "integer": { _, value, _ in if case .int = value { true } else { false } },
    "float": { _, value, _ in if case .double = value { true } else { false } },
    "number": { _, value, _ in value.number != nil },
    "string": { _, value, _ in if case .string = value { true } else { false } },
    "mapping": { _, value, _ in if case .dict = value { true } else { false } },
    "sequence": { _, value, _ in
      switch value {
      case .string, .list, .tuple, .dict, .range, .undefined: true
      default: false
      }
    },
    "iterable": { _, value, _ in
      switch value {
      case .string, .list, .tuple, .dict, .range, .view, .undefined: true
      case .object(let object): object is Generator || object is Loop
      default: false
      }
    },
    "callable": { _, value, _ in
      switch value {
      case .undefined: true
      case .object(let object): object is Function || object is Macro || object is Loop
      default: false
      }
    },
    "escaped": { _, _, _ in false },
    "lower": { interpreter, value, _ in
      interpreter.hasCase(try interpreter.text(of: value)) { $0.properties.isLowercase }
    },
    "upper": { interpreter, value, _ in
      interpreter.hasCase(try interpreter.text(of: value)) { $0.properties.isUppercase }
    },
    "filter": { _, value, _ in if case .string(let name) = value { Jinja.hasFilter(name) } else { false } },
    "test": { _, value, _ in if case .string(let name) = value { Jinja.hasTest(name) } else { false } },
  ]

  private static let comparisonTests: [String: TestFunction] = [
    "odd": { interpreter, value, _ in try interpreter.remainder(value, by: .int(2), 1) },
    "even": { interpreter, value, _ in try interpreter.remainder(value, by: .int(2), 0) },
    "divisibleby": { interpreter, value, arguments in
      try interpreter.remainder(value, by: interpreter.other(arguments), 0)
    },
    "in": { interpreter, value, arguments in try interpreter.contains(interpreter.other(arguments), value) },
    "sameas": { interpreter, value, arguments in try interpreter.isSame(value, interpreter.other(arguments)) },
    "==": comparing(.equal),
    "eq": comparing(.equal),
    "equalto": comparing(.equal),
    "!=": comparing(.notEqual),
    "ne": comparing(.notEqual),
    ">": comparing(.greater),
    "gt": comparing(.greater),
    "greaterthan": comparing(.greater),
    ">=": comparing(.greaterOrEqual),
    "ge": comparing(.greaterOrEqual),
    "<": comparing(.less),
    "lt": comparing(.less),
    "lessthan": comparing(.less),
    "<=": comparing(.lessOrEqual),
    "le": comparing(.lessOrEqual),
  ]

  private static func comparing(_ comparison: Comparison) -> TestFunction {
    { interpreter, value, arguments in try interpreter.compare(value, comparison, interpreter.other(arguments)) }
  }

  private static func hasFilter(_ name: String) -> Bool { filters[name] != nil }
  private static func hasTest(_ name: String) -> Bool { tests[name] != nil }
}

extension Jinja.Interpreter {
  fileprivate func other(_ arguments: Arguments) throws -> Value {
    try arguments.bind("the test", ["other"], required: 1)[0] ?? Value.none
  }

  fileprivate func isSame(_ value: Value, _ other: Value) throws -> Bool {
    switch (value, other) {
    case (.list(let a), .list(let b)), (.tuple(let a), .tuple(let b)): return a === b
    case (.dict(let a), .dict(let b)): return a === b
    default: return try value.typeName == other.typeName && areEqual(value, other)
    }
  }

  fileprivate func remainder(_ value: Value, by divisor: Value, _ wanted: Int) throws -> Bool {
    try areEqual(compute(value, .remainder, divisor), .int(wanted))
  }
}
