import NeedletailGraph
import NeedletailKernels

/// What a plan is made for.
public struct CompilerOptions: Sendable {
  /// How values are stored.
  public var precision: PrecisionPolicy
  /// The largest step.
  public var limits: PlanLimits
  /// How the checkpoint stores a tensor, by its name.
  public var storedType: @Sendable (String) -> DType
  /// How a matrix is coded, from its part and what it is for; nil: it stays as it is.
  public var recipe: MatrixRecipe = { _, _ in nil }
  /// What keys and values of a layer are divided by before they become fp8; 1 where nothing is said.
  public var cacheScales: [Int: CacheScales] = [:]

  /// Options.
  public init(
    precision: PrecisionPolicy, limits: PlanLimits,
    storedType: @escaping @Sendable (String) -> DType = { _ in .float32 }
  ) {
    self.precision = precision
    self.limits = limits
    self.storedType = storedType
  }
}

/// From a recorded graph to a plan for a device.
///
///     let plan = try Compiler(catalog: CPUCatalog()).compile(graph, options)
public struct Compiler {
  /// The device's kernels.
  public let catalog: any KernelCatalog

  /// A compiler for a device.
  public init(catalog: any KernelCatalog) { self.catalog = catalog }

  /// Runs the passes, chooses kernels and plans memory, for each range of step sizes. `inspect` is given the graph as
  /// recorded ("model") and after each pass ("mergeProjections"). Where steps of other sizes are rewritten otherwise, it
  /// is given those graphs too, from the first that differs on ("mergeProjections up to 64").
  public func compile(
    _ graph: Graph, _ options: CompilerOptions,
    inspect: (_ pass: String, _ graph: Graph) throws -> Void = { _, _ in }
  ) throws -> Plan {
    var plan = Plan(target: catalog.target, limits: options.limits)
    var rewritten: [Set<Fusion>: Graph] = [:]
    var seen: [String: Graph] = [:]
    let bounds = catalog.variantBounds(options.limits)
    for bound in bounds {
      let fusions = catalog.fusions(upTo: bound, options.precision)
      let last = bounds.last { catalog.fusions(upTo: $0, options.precision) == fusions } ?? bound
      let isFirst = rewritten.isEmpty
      var context = PassContext(precision: options.precision, fusions: fusions, storedType: options.storedType)
      context.recipe = { [catalog] part, role throws(GraphError) in
        guard let recipe = try options.recipe(part, role) else { return nil }
        do throws(CatalogError) { return try catalog.adapted(recipe, for: role) } catch {
          throw GraphError("\(part.name): \(error.description)")
        }
      }
      let result =
        try rewritten[fusions]
        ?? Pipeline.run(graph, context) { pass, graph in
          if isFirst { seen[pass] = graph }
          guard isFirst || seen[pass] != graph else { return }
          try inspect(isFirst ? pass : "\(pass) up to \(last)", graph)
        }
      rewritten[fusions] = result
      var lowering = Lowering(result, into: plan, catalog: catalog, maximumTokens: bound)
      lowering.cacheType = options.precision.cache
      lowering.cacheScales = options.cacheScales
      let variant = try lowering.lower()
      plan = lowering.plan
      plan.variants.append(variant)
    }
    return plan
  }
}
