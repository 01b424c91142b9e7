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
  /// The most tokens of each variant but the last: small steps get their own, denser memory map.
  public var variantBounds = [64]

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

  /// Runs the passes, chooses kernels and plans memory. `inspect` is given the graph as recorded and after each pass.
  public func compile(
    _ graph: Graph, _ options: CompilerOptions,
    inspect: (_ pass: String, _ graph: Graph) throws -> Void = { _, _ in }
  ) throws -> Plan {
    let context = PassContext(
      precision: options.precision, fusions: catalog.fusions, storedType: options.storedType)
    let rewritten = try Pipeline.run(graph, context, inspect: inspect)
    var plan = Plan(target: catalog.target, limits: options.limits)
    let bounds = options.variantBounds.filter { $0 < options.limits.tokens } + [options.limits.tokens]
    for bound in bounds {
      var lowering = Lowering(rewritten, into: plan, catalog: catalog)
      lowering.cacheType = options.precision.cache
      let variant = try lowering.lower(maximumTokens: bound)
      plan = lowering.plan
      plan.variants.append(variant)
    }
    return plan
  }
}
