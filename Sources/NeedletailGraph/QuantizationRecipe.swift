/// Which of a model's matrices are coded, and how; and how the cache is.
public struct QuantizationRecipe: Hashable, Sendable, Codable {
  /// Modules whose names match a pattern have a recipe of their own.
  public struct Override: Hashable, Sendable, Codable {
    /// A name of a module ("model.layers.0.mlp.down_proj"), in which `*` stands for any characters.
    public var pattern: String
    /// nil: they stay as they are.
    public var recipe: LinearRecipe?

    /// A recipe of some modules.
    public init(_ pattern: String, _ recipe: LinearRecipe?) {
      self.pattern = pattern
      self.recipe = recipe
    }
  }

  /// What it is called: "fp8".
  public var name: String
  /// Of projections and experts; nil: they stay as they are, but for overrides.
  public var linear: LinearRecipe?
  /// Of the product that gives logits, unless it shares the embedding's matrix.
  public var head: LinearRecipe?
  /// Of the embedding's table, and of the head where it shares it.
  public var embedding: WeightCoding?
  /// The first whose pattern matches counts. Routers are coded only by these.
  public var overrides: [Override]
  /// Storage of cached keys and values; nil: as usual.
  public var cache: DType?

  /// A recipe; the head, routers and embeddings stay as they are unless asked for.
  public init(
    _ name: String, linear: LinearRecipe?, head: LinearRecipe? = nil, embedding: WeightCoding? = nil,
    overrides: [Override] = [], cache: DType? = nil
  ) {
    self.name = name
    self.linear = linear
    self.head = head
    self.embedding = embedding
    self.overrides = overrides
    self.cache = cache
  }

  /// How a module is coded; nil: it stays as it is.
  public func recipe(of module: String, role: ModuleRole) -> LinearRecipe? {
    if let override = overrides.first(where: { module.matches(glob: $0.pattern) }) { return override.recipe }
    switch role {
    case .projection, .experts: return linear
    case .head: return head
    case .embedding: return embedding.map { LinearRecipe($0) }
    case .router: return nil
    }
  }
}

/// What a matrix is for.
public enum ModuleRole: String, Hashable, Sendable, Codable, CaseIterable {
  /// A product within the model.
  case projection
  /// The products of experts.
  case experts
  /// The product that gives the logits.
  case head
  /// A product whose results choose experts.
  case router
  /// A table of which rows are taken (and the head's matrix too, if the model shares it).
  case embedding
}

extension String {
  /// Whether it matches a pattern in which `*` stands for any characters and `?` for one.
  public func matches(glob pattern: String) -> Bool {
    let (text, pattern) = (Array(utf8), Array(pattern.utf8))
    let (star, one) = (UInt8(ascii: "*"), UInt8(ascii: "?"))
    var (t, p) = (0, 0)
    // Where the last star stands, and how much of the text it has taken.
    var retry: (p: Int, t: Int)?
    while t < text.count {
      if p < pattern.count, pattern[p] == star {
        retry = (p, t)
        p += 1
      } else if p < pattern.count, pattern[p] == one || pattern[p] == text[t] {
        (t, p) = (t + 1, p + 1)
      } else if let last = retry {
        retry = (last.p, last.t + 1)
        (p, t) = (last.p + 1, last.t + 1)
      } else {
        return false
      }
    }
    return pattern[p...].allSatisfy { $0 == star }
  }
}
