import CNeedletailKernels
import NeedletailGraph
import NeedletailKernels
import Testing

/// What the catalog tells the compiler, and what plans are made of.
@Suite struct CatalogTests {
  private let catalog = CPUCatalog(.plain)

  @Test func matricesOfProductsLieInPanels() {
    let matrix = Weight(parts: [.init("a", shape: [70, 33])])
    #expect(catalog.layout(of: matrix, dtype: .bfloat16, readBy: [.linear]) == .panels)
    #expect(catalog.layout(of: matrix, dtype: .bfloat16, readBy: [.embed(scale: 1), .linear]) == .panels)
    #expect(catalog.layout(of: matrix, dtype: .bfloat16, readBy: [.embed(scale: 1)]) == .rowMajor)
    let vector = Weight(parts: [.init("b", shape: [70])])
    #expect(catalog.layout(of: vector, dtype: .float32, readBy: [.linear]) == .rowMajor)
    // 3 panels of 32 rows, 33 columns padded to pairs.
    #expect(catalog.byteCount(of: matrix, dtype: .bfloat16, layout: .panels) == 96 * 34 * 2)
    #expect(catalog.byteCount(of: matrix, dtype: .float32, layout: .panels) == 96 * 33 * 4)
    #expect(catalog.byteCount(of: matrix, dtype: .bfloat16, layout: .rowMajor) == 70 * 33 * 2)
  }

  @Test func everyKernelIsThereInEveryInstructionSet() {
    let names = [
      "matmul", "rms_norm", "rope_table", "rope_cache_write", "attention", "gated_activation", "unary", "binary",
      "gather_rows", "sample",
    ]
    for name in names {
      for set in InstructionSet.allCases where set.isAvailable {
        #expect(nt_cpu_find_kernel(name, set.isa) != nil, "\(name) for \(set.name)")
      }
    }
    #expect(nt_cpu_find_kernel("no_such_kernel", NT_ISA_PLAIN) == nil)
  }

  @Test func namesOfInstructionSetsAreThoseOfC() {
    for set in InstructionSet.allCases { #expect(String(cString: nt_isa_name(set.isa)) == set.name) }
  }

  @Test func costOfAWindowedStep() {
    var cost = Cost(weightBytes: 100)
    cost.operations.add(.tokens, times: 2)
    cost.activationBytes.add(.scoredRows * 3, times: 4)
    cost.attention = .init(operationsPerPair: 10, bytesPerCachedToken: 7, window: 4)
    let profile = StepProfile([
      .init(queries: 3, context: 5, scoredRows: 1), .init(queries: 1, context: 2, scoredRows: 2),
    ])
    let evaluated = cost.evaluated(for: profile)
    #expect(evaluated.weightBytes == 100)
    #expect(evaluated.activationBytes == 3 * 3 * 4)
    // Queries at 2, 3 and 4 see 3, 4 and 4 positions; the one at 1 sees 2.
    #expect(evaluated.operations == 4 * 2 + (3 + 4 + 4 + 2) * 10)
    // The first sequence reads positions 0 to 4: the query at 2 sees 0.
    #expect(evaluated.cacheBytes == (5 + 2) * 7)
  }
}
