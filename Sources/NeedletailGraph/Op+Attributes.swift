extension Op {
  /// The operation's name in printed graphs.
  public var mnemonic: String {
    switch self {
    case .input: "input"
    case .weight: "weight"
    case .embed: "embed"
    case .linear: "linear"
    case .binary(let operation): "\(operation)"
    case .activation(let activation): "\(activation)"
    case .scale: "scale"
    case .softcap: "softcap"
    case .clamp: "clamp"
    case .norm(let norm): "\(norm.kind)_norm"
    case .reshape: "reshape"
    case .slice: "slice"
    case .ropeTable: "rope_table"
    case .rope: "rope"
    case .concatenate: "concatenate"
    case .headLinear: "head_linear"
    case .attention: "attention"
    case .route: "route"
    case .positionScale: "position_scale"
    case .experts: "experts"
    case .scoredRows: "scored_rows"
    case .cast: "cast"
    case .addNorm(let norm): "add_\(norm.kind)_norm"
    case .gatedActivation: "gated_activation"
    case .ropeCacheWrite: "rope_cache_write"
    case .pagedAttention: "paged_attention"
    case .product: "product"
    case .cachedAttention: "cached_attention"
    }
  }

  /// What is printed in braces after the operands. Attributes at their usual value are left out.
  public var attributes: Attributes {
    var a = Attributes()
    switch self {
    case .input(let name): a["name"] = name
    case .weight(let weight):
      a["parts"] = weight.description
      a["split"] = weight.split?.rawValue
      a["recipe"] = weight.recipe?.description
    case .embed(let scale): a.set("scale", scale, unless: 1)
    case .linear, .binary, .activation, .concatenate, .scoredRows: break
    case .scale(let factor, let offset):
      a.set("factor", factor)
      a.set("offset", offset, unless: 0)
    case .softcap(let cap): a.set("cap", cap)
    case .clamp(let low, let high):
      a.set("min", low)
      a.set("max", high)
    case .norm(let norm), .addNorm(let norm):
      a.set("eps", norm.eps)
      a.set("weight_offset", norm.weightOffset, unless: 0)
    case .reshape(let shape): a["shape"] = "[\(shape.map(\.description).joined(separator: ", "))]"
    case .slice(let start, let count):
      a.set("start", start)
      a.set("count", count)
    case .ropeTable(let spec): spec.write(to: &a)
    case .rope(let interleaved): a.set("interleaved", interleaved, unless: false)
    case .headLinear(let isTransposed): a.set("transposed", isTransposed, unless: false)
    case .attention(let attention): attention.write(to: &a)
    case .route(let routing): routing.write(to: &a)
    case .positionScale(let scale): scale.write(to: &a)
    case .experts(let experts): experts.write(to: &a)
    case .cast(let dtype): a["dtype"] = dtype.name
    case .gatedActivation(let activation): a["activation"] = "\(activation)"
    case .ropeCacheWrite(let write): write.write(to: &a)
    case .pagedAttention(let attention, let kvHeads, let valueDim):
      attention.write(to: &a)
      a.set("kv_heads", kvHeads)
      a.set("value_dim", valueDim)
    case .product(let product): product.write(to: &a)
    case .cachedAttention(let write, let attention):
      attention.write(to: &a)
      write.writeShape(to: &a)
    }
    return a
  }

  /// The operation of a name and attributes, as printed.
  public init(mnemonic: String, attributes a: Attributes) throws(GraphError) {
    func norm(_ kind: Norm.Kind) throws(GraphError) -> Norm {
      Norm(kind, eps: try a.float("eps"), weightOffset: try a.float("weight_offset", default: 0))
    }
    switch mnemonic {
    case "input": self = .input(try a.string("name"))
    case "weight":
      var recipe: LinearRecipe?
      if let text = a["recipe"] { recipe = try LinearRecipe(text: text) }
      self = .weight(
        try Weight(text: try a.string("parts"), split: a["split"].flatMap(Split.init), recipe: recipe))
    case "embed": self = .embed(scale: try a.float("scale", default: 1))
    case "linear": self = .linear
    case "scale": self = .scale(try a.float("factor"), offset: try a.float("offset", default: 0))
    case "softcap": self = .softcap(try a.float("cap"))
    case "clamp":
      let (low, high) = (try a.float("min"), try a.float("max"))
      guard low < high else { throw GraphError("min=\(low) is not below max=\(high)") }
      self = .clamp(min: low, max: high)
    case "rms_norm": self = .norm(try norm(.rms))
    case "layer_norm": self = .norm(try norm(.layer))
    case "reshape":
      guard let type = TensorType("int32" + (try a.string("shape"))) else {
        throw GraphError("shape=\(try a.string("shape")) is no shape")
      }
      self = .reshape(type.shape)
    case "slice": self = .slice(start: try a.int("start"), count: try a.int("count"))
    case "rope_table": self = .ropeTable(try RopeSpec(a))
    case "rope": self = .rope(interleaved: a.bool("interleaved"))
    case "concatenate": self = .concatenate
    case "head_linear": self = .headLinear(isTransposed: a.bool("transposed"))
    case "attention": self = .attention(try Attention(a))
    case "route": self = .route(try Routing(a))
    case "position_scale": self = .positionScale(try PositionScale(a))
    case "experts": self = .experts(try Experts(a))
    case "scored_rows": self = .scoredRows
    case "cast":
      guard let dtype = DType(name: try a.string("dtype")) else { throw GraphError("dtype is unknown") }
      self = .cast(dtype)
    case "add_rms_norm": self = .addNorm(try norm(.rms))
    case "add_layer_norm": self = .addNorm(try norm(.layer))
    case "gated_activation":
      let name = try a.string("activation")
      guard let activation = Activation(name: name) else { throw GraphError("activation \(name) is unknown") }
      self = .gatedActivation(activation)
    case "rope_cache_write": self = .ropeCacheWrite(try RopeCacheWrite(a))
    case "paged_attention":
      self = .pagedAttention(try Attention(a), kvHeads: try a.int("kv_heads"), valueDim: try a.int("value_dim"))
    case "product": self = .product(try Product(a))
    case "cached_attention": self = .cachedAttention(try RopeCacheWrite(a), try Attention(a))
    default:
      if let operation = BinaryOperation.allCases.first(where: { "\($0)" == mnemonic }) {
        self = .binary(operation)
      } else if let activation = Activation(name: mnemonic) {
        self = .activation(activation)
      } else {
        throw GraphError("operation \(mnemonic) is unknown")
      }
    }
  }
}

extension Activation {
  /// The function of that name, as printed.
  public init?(name: String) {
    guard let activation = Self.allCases.first(where: { "\($0)" == name }) else { return nil }
    self = activation
  }
}

extension Attention {
  func write(to a: inout Attributes) {
    a.set("layer", layer)
    a.set("scale", scale)
    if let window { a.set("window", window) }
    if let chunk { a.set("chunk", chunk) }
    if let softcap { a.set("softcap", softcap) }
    if let alibiSlopes { a["alibi"] = alibiSlopes.map { "\($0)" }.joined(separator: " ") }
    if let valuesFromKeys { a.set("values_from_keys", valuesFromKeys) }
  }

  init(_ a: Attributes) throws(GraphError) {
    self.init(
      layer: try a.int("layer"), scale: try a.float("scale"), window: a["window"].flatMap { Int($0) },
      softcap: a["softcap"].flatMap { Float($0) },
      alibiSlopes: a["alibi"].map { $0.split(separator: " ").compactMap { Float($0) } },
      valuesFromKeys: a["values_from_keys"].flatMap { Int($0) }, chunk: a["chunk"].flatMap { Int($0) })
  }
}

extension RopeSpec {
  func write(to a: inout Attributes) {
    a.set("dim", dimensions)
    a["theta"] = "\(theta)"
    a.set("attention_factor", attentionFactor, unless: 1)
    switch scaling {
    case .none: break
    case .linear(let factor):
      a["type"] = "linear"
      a.set("factor", factor)
    case .llama3(let factor, let low, let high, let original):
      a["type"] = "llama3"
      a.set("factor", factor)
      a.set("low", low)
      a.set("high", high)
      a.set("original", original)
    case .yarn(let factor, let fast, let slow, let original, let truncates):
      a["type"] = "yarn"
      a.set("factor", factor)
      a.set("beta_fast", fast)
      a.set("beta_slow", slow)
      a.set("original", original)
      a.set("truncates", truncates, unless: true)
    case .perDimension(let factors):
      a["type"] = "per_dimension"
      a["factors"] = factors.map { "\($0)" }.joined(separator: " ")
    }
  }

  init(_ a: Attributes) throws(GraphError) {
    guard let theta = Double(try a.string("theta")) else { throw GraphError("theta is no number") }
    let scaling: Scaling
    switch a["type"] {
    case nil: scaling = .none
    case "linear": scaling = .linear(factor: try a.float("factor"))
    case "llama3":
      scaling = .llama3(
        factor: try a.float("factor"), lowFrequency: try a.float("low"), highFrequency: try a.float("high"),
        originalLength: try a.int("original"))
    case "yarn":
      scaling = .yarn(
        factor: try a.float("factor"), betaFast: try a.float("beta_fast"), betaSlow: try a.float("beta_slow"),
        originalLength: try a.int("original"), truncates: a["truncates"] != "false")
    case "per_dimension":
      scaling = .perDimension(factors: try a.string("factors").split(separator: " ").compactMap { Float($0) })
    case let other?: throw GraphError("rope type \(other) is unknown")
    }
    let dimensions = try a.int("dim")
    guard dimensions > 0, dimensions % 2 == 0, dimensions <= Int(Int32.max) else {
      throw GraphError("dim=\(dimensions) is no even number of dimensions")
    }
    if case .perDimension(let factors) = scaling, factors.count != dimensions / 2 {
      throw GraphError("\(factors.count) factors for \(dimensions) dimensions")
    }
    self.init(
      dimensions: dimensions, theta: theta, scaling: scaling,
      attentionFactor: try a.float("attention_factor", default: 1))
  }
}
