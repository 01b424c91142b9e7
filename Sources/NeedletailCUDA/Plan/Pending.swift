import CNeedletailKernels
import NeedletailGraph
import NeedletailKernels

// Stand-ins until the real ones are there.
struct SampleProblem {
  let vocabulary: Int
  init(_ plan: Plan) { vocabulary = plan.outputs.first { $0.name == "logits" }?.type.width ?? 0 }
  func launches(_ kind: SamplingKind, _ traits: GPUTraits) -> [GPULaunch] { [] }
}
extension CUDASampler {
  static func scratchBytes(_ plan: Plan, _ traits: GPUTraits) -> Int { 0 }
  static func launches(_ plan: Plan, _ traits: GPUTraits) -> [GPULaunch] { [] }
}
struct DummyWeightKernel {
  static var launches: [GPULaunch] { [] }
  init(_ modules: LoadedModules) throws {}
  func make(_ part: Weight.Part, dtype: DType, at: UInt64, _ dummy: DummySource, in stream: borrowing Stream) throws {}
}
func makeProductRunner(_ library: CUBLASLt, _ context: Context) throws -> any ProductRunner {
  throw CUDAError("no products by libraries yet")
}
struct CUDACatalog: KernelCatalog {
  init(gpu: GPUTraits, isDeterministic: Bool, allowsLibraries: Bool) {}
  var target: Target { Target(device: "cuda", architecture: "sm_90a") }
  func precision(_ dtype: DType, cache: DType?) -> PrecisionPolicy { PrecisionPolicy(dtype, cache: cache) }
  func variantBounds(_ limits: PlanLimits) -> [Int] { [limits.tokens] }
  func fusions(upTo tokens: Int, _ precision: PrecisionPolicy) -> Set<Fusion> { [] }
  func layout(of weight: Weight, dtype: DType, readBy ops: [Op]) -> WeightLayout { .rowMajor }
  func byteCount(of weight: Weight, dtype: DType, layout: WeightLayout) -> Int { 0 }
  func launches(for node: LoweredNode) throws(CatalogError) -> [Launch] { [] }
}
