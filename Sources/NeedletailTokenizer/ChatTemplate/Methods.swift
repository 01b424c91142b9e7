extension Jinja {
  /// Methods of lists and tuples that change them, which the sandbox refuses.
  static let forbiddenListMethods: Set<String> = [
    "append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove",
  ]

  /// Methods of dictionaries that change them, which the sandbox refuses.
  static let forbiddenDictMethods: Set<String> = ["clear", "pop", "popitem", "setdefault", "update"]

  /// Methods of lists and tuples.
  static let listMethods: [String: @Sendable (Interpreter, List, Arguments) throws -> Value] = [
    "count": { interpreter, list, arguments in
      let wanted = try arguments.bind("count", ["value"], required: 1)
      var count = 0
      for element in list.elements { if try interpreter.areEqual(element, wanted[0] ?? .none) { count += 1 } }
      return .int(count)
    },
    "index": { interpreter, list, arguments in
      let wanted = try arguments.bind("index", ["value"], required: 1)
      for (position, element) in list.elements.enumerated() {
        if try interpreter.areEqual(element, wanted[0] ?? .none) { return .int(position) }
      }
      throw interpreter.failure("The value is not in the list.")
    },
    "copy": { _, list, _ in .list(list) },
  ]

  /// Methods of dictionaries.
  static let dictMethods: [String: @Sendable (Interpreter, Dict, Arguments) throws -> Value] = [
    "get": { interpreter, dict, arguments in
      let values = try arguments.bind("get", ["key", "default"], required: 1)
      return dict[try interpreter.key(values[0] ?? .none)] ?? values[1] ?? .none
    },
    "keys": { interpreter, dict, _ in
      try interpreter.charge(dict.entries.count)
      return .view(View(kind: "dict_keys", dict.entries.map(\.key), depth: dict.depth))
    },
    "values": { interpreter, dict, _ in
      try interpreter.charge(dict.entries.count)
      return .view(View(kind: "dict_values", dict.entries.map(\.value), depth: dict.depth))
    },
    "items": { interpreter, dict, _ in
      try interpreter.charge(dict.entries.count)
      try interpreter.checkDepth(dict.depth + 1)
      let items = dict.entries.map { Value.tuple(List([$0.key, $0.value])) }
      return .view(View(kind: "dict_items", items, depth: dict.depth + 1))
    },
    "copy": { _, dict, _ in .dict(dict) },
  ]
}
