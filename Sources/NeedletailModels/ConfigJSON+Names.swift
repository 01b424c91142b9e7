extension ConfigJSON {
  /// The first of these names that the config has a value for, else the first: for fields that go by an old and a new
  /// name.
  public func name(_ names: String...) -> String {
    let fields = Set(fields)
    return names.first(where: fields.contains) ?? names[0]
  }

  /// Throws where a field is there and not what it has to be: for values that would change the mathematics in a way that
  /// is not known.
  public func expect<Value: ConfigValue & Equatable>(_ name: String, _ value: Value) throws(ConfigError) {
    guard let found: Value = try optional(name), found != value else { return }
    throw ConfigError("\(path(of: name)) is \(found), which is not known; known is \(value)")
  }
}

extension AttentionShape {
  /// Heads that share the model's width evenly, read under these names. `kvHeadCount`: key and value heads; nil: as many
  /// as query heads. Throws where they do not go together.
  public init(
    _ json: ConfigJSON, hiddenSize: String, headCount: String, kvHeadCount: Int? = nil
  ) throws(ConfigError) {
    let (width, heads) = (try json(hiddenSize), try json(headCount))
    guard width % heads == 0 else {
      throw ConfigError("\(json.path(of: hiddenSize)) is \(width), which is no multiple of \(heads) (\"\(headCount)\")")
    }
    guard heads % (kvHeadCount ?? heads) == 0 else {
      throw ConfigError(
        "\(json.path(of: headCount)) is \(heads), which is no multiple of the \(kvHeadCount ?? 0) key and value heads")
    }
    self.init(hiddenSize: width, headCount: heads, kvHeadCount: kvHeadCount ?? heads, headDim: width / heads)
  }
}
