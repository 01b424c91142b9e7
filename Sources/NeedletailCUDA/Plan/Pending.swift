import CNeedletailKernels
import NeedletailGraph
import NeedletailKernels

// Stand-ins until the real ones are there.
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
