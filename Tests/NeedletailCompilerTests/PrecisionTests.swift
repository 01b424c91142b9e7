import NeedletailCompiler
import NeedletailGraph
import NeedletailKernels
import Testing

struct PrecisionTests {
  @Test func storageFollowsWhoReadsAValue() throws {
    try expect(
      .precision, context: .bfloat16,
      of: """
        %0 = input() {name=x} : real[tokens, 8]
        %1 = weight() {parts="norm[8]"} : real[8]
        %2 = rms_norm(%0, %1) {eps=1e-05} : real[tokens, 8]
        %3 = weight() {parts="w[16, 8]"} : real[16, 8]
        %4 = weight() {parts="b[16]"} : real[16]
        %5 = linear(%2, %3, %4) : real[tokens, 16]
        %6 = silu(%5) : real[tokens, 16]
        %7 = weight() {parts="v[8, 16]"} : real[8, 16]
        %8 = linear(%6, %7) : real[tokens, 8]
        %9 = add(%0, %8) : real[tokens, 8]
        output y = %9
        """,
      gives: """
        %0 = input() {name=x} : float32[tokens, 8]
        %1 = weight() {parts="norm[8]"} : float32[8]
        %2 = rms_norm(%0, %1) {eps=1e-05} : bfloat16[tokens, 8]
        %3 = weight() {parts="w[16, 8]"} : bfloat16[16, 8]
        %4 = weight() {parts="b[16]"} : float32[16]
        %5 = linear(%2, %3, %4) : float32[tokens, 16]
        %6 = silu(%5) : bfloat16[tokens, 16]
        %7 = weight() {parts="v[8, 16]"} : bfloat16[8, 16]
        %8 = linear(%6, %7) : float32[tokens, 8]
        %9 = add(%0, %8) : float32[tokens, 8]
        output y = %9
        """)
  }

  /// What chooses experts keeps its own type where the policy has one: the router's matrix and the rows that it multiplies,
  /// which the experts read, too.
  @Test func routersHaveATypeOfTheirOwn() throws {
    var policy = PrecisionPolicy(.bfloat16)
    policy.routers = .float32
    try expect(
      .precision, context: PassContext(precision: policy) { _ in .bfloat16 },
      of: """
        %0 = input() {name=x} : real[tokens, 8]
        %1 = weight() {parts="norm[8]"} : real[8]
        %2 = rms_norm(%0, %1) {eps=1e-05} : real[tokens, 8]
        %3 = weight() {parts="gate[4, 8]"} : real[4, 8]
        %4 = linear(%2, %3) : real[tokens, 4]
        %5, %6 = route(%4) {chosen=2, scoring=softmax} : int32[tokens, 2], float32[tokens, 2]
        %7 = weight() {parts="w[8, 8]"} : real[8, 8]
        %8 = linear(%2, %7) : real[tokens, 8]
        output y = %8
        output w = %6
        """,
      gives: """
        %0 = input() {name=x} : float32[tokens, 8]
        %1 = weight() {parts="norm[8]"} : float32[8]
        %2 = rms_norm(%0, %1) {eps=1e-05} : float32[tokens, 8]
        %3 = weight() {parts="gate[4, 8]"} : float32[4, 8]
        %4 = linear(%2, %3) : float32[tokens, 4]
        %5, %6 = route(%4) {chosen=2, scoring=softmax} : int32[tokens, 2], float32[tokens, 2]
        %7 = weight() {parts="w[8, 8]"} : bfloat16[8, 8]
        %8 = linear(%2, %7) : float32[tokens, 8]
        output y = %8
        output w = %6
        """)
  }

  @Test func aValueThatOthersReadTooKeepsTheStreamsType() throws {
    let types = try typesAfterPrecision(
      """
      %0 = input() {name=x} : real[tokens, 8]
      %1 = silu(%0) : real[tokens, 8]
      %2 = weight() {parts="w[8, 8]"} : real[8, 8]
      %3 = linear(%1, %2) : real[tokens, 8]
      %4 = add(%1, %3) : real[tokens, 8]
      output y = %4
      """)
    #expect(types == [.float32, .float32, .bfloat16, .float32, .float32])
  }

  @Test func viewsAreStoredAsWhatTheyAreViewsOf() throws {
    let types = try typesAfterPrecision(
      """
      %0 = input() {name=x} : real[tokens, 8]
      %1 = silu(%0) : real[tokens, 8]
      %2 = slice(%1) {start=0, count=4} : real[tokens, 4]
      %3 = slice(%1) {start=4, count=4} : real[tokens, 4]
      %4 = weight() {parts="w[4, 4]"} : real[4, 4]
      %5 = linear(%2, %4) : real[tokens, 4]
      %6 = add(%5, %3) : real[tokens, 4]
      output y = %6
      """)
    #expect(types == [.float32, .float32, .float32, .float32, .bfloat16, .float32, .float32])
  }

  @Test func attentionOutputsAreOperandsAndRotationsAreFloat32() throws {
    let types = try typesAfterPrecision(
      """
      %0 = input() {name=positions} : int32[tokens]
      %1 = input() {name=q} : real[tokens, 2, 4]
      %2 = input() {name=k} : real[tokens, 1, 4]
      %3 = rope_table(%0) {dim=4, theta=10000.0} : real[tokens, 4]
      %4 = rope(%1, %3) : real[tokens, 2, 4]
      %5 = attention(%4, %2, %2) {layer=0, scale=0.5} : real[tokens, 2, 4]
      %6 = reshape(%5) {shape="[tokens, 8]"} : real[tokens, 8]
      %7 = scored_rows(%6) : real[scoredRows, 8]
      %8 = weight() {parts="w[8, 8]"} : real[8, 8]
      %9 = linear(%7, %8) : real[scoredRows, 8]
      output y = %9
      """)
    #expect(types[1...4].allSatisfy { $0 == .float32 })
    #expect(types[5...9] == [.bfloat16, .bfloat16, .bfloat16, .bfloat16, .float32])
  }

  @Test(arguments: [
    (DType.float32, DType.float32, DType.float32), (.bfloat16, .float32, .bfloat16), (.float16, .float32, .float16),
    (.bfloat16, .bfloat16, .bfloat16), (.bfloat16, .float16, .float16), (.float32, .bfloat16, .bfloat16),
  ])
  func matricesKeepSixteenBits(dtype: DType, stored: DType, expected: DType) throws {
    let types = try typesAfterPrecision(
      """
      %0 = input() {name=x} : real[tokens, 8]
      %1 = weight() {parts="w[4, 8]"} : real[4, 8]
      %2 = linear(%0, %1) : real[tokens, 4]
      output y = %2
      """, PassContext(precision: PrecisionPolicy(dtype)) { _ in stored })
    #expect(types[1] == expected)
  }

  @Test func partsStoredDifferentlyTakeTheOperandsType() throws {
    let context = PassContext(precision: PrecisionPolicy(.bfloat16)) { $0 == "a" ? .float16 : .bfloat16 }
    let types = try typesAfterPrecision(
      """
      %0 = input() {name=x} : real[tokens, 8]
      %1 = weight() {parts="a[4, 8] + b[4, 8]"} : real[8, 8]
      %2 = linear(%0, %1) : real[tokens, 8]
      output y = %2
      """, context)
    #expect(types[1] == .bfloat16)
  }

  @Test func outputsTakeTheLogitsTypeAndViewsOfOthersAreConverted() throws {
    try expect(
      .precision, context: PassContext(precision: PrecisionPolicy(.bfloat16, stream: .bfloat16)),
      of: """
        %0 = input() {name=x} : real[tokens, 8]
        %1 = silu(%0) : real[tokens, 8]
        %2 = slice(%0) {start=0, count=4} : real[tokens, 4]
        %3 = relu(%0) : real[tokens, 8]
        %4 = add(%1, %3) : real[tokens, 8]
        output a = %4
        output b = %2
        """,
      gives: """
        %0 = input() {name=x} : bfloat16[tokens, 8]
        %1 = silu(%0) : bfloat16[tokens, 8]
        %2 = slice(%0) {start=0, count=4} : bfloat16[tokens, 4]
        %3 = relu(%0) : bfloat16[tokens, 8]
        %4 = add(%1, %3) : float32[tokens, 8]
        %5 = cast(%2) {dtype=float32} : float32[tokens, 4]
        output a = %4
        output b = %5
        """)
  }

  @Test func typesThatAreChosenAlreadyStay() throws {
    try expectUnchanged(
      by: .precision, context: .bfloat16,
      """
      %0 = input() {name=x} : float16[tokens, 8]
      %1 = weight() {parts="w[4, 8]"} : float8e4m3[4, 8]
      %2 = cast(%0) {dtype=bfloat16} : bfloat16[tokens, 8]
      output y = %2
      output w = %1
      """)
  }

  @Test func whatJoinsNoSumIsIntermediate() throws {
    try expect(
      .precision,
      context: PassContext(precision: PrecisionPolicy(.bfloat16, intermediates: .bfloat16)) { _ in .bfloat16 },
      of: """
        %0 = input() {name=tokenIDs} : int32[tokens]
        %1 = weight() {parts="e[16, 8]"} : real[16, 8]
        %2 = embed(%1, %0) : real[tokens, 8]
        %3 = weight() {parts="qk[16, 8]"} : real[16, 8]
        %4 = linear(%2, %3) : real[tokens, 16]
        %5 = reshape(%4) {shape="[tokens, 2, 8]"} : real[tokens, 2, 8]
        %6 = rms_norm(%5) {eps=1e-05} : real[tokens, 2, 8]
        %7 = attention(%6, %6, %6) {layer=0, scale=0.5} : real[tokens, 2, 8]
        %8 = reshape(%7) {shape="[tokens, 16]"} : real[tokens, 16]
        %9 = weight() {parts="o[8, 16]"} : real[8, 16]
        %10 = linear(%8, %9) : real[tokens, 8]
        %11 = scale(%10) {factor=0.5} : real[tokens, 8]
        %12 = add(%2, %11) : real[tokens, 8]
        %13 = silu(%12) : real[tokens, 8]
        %14 = multiply(%13, %13) : real[tokens, 8]
        %15 = tanh(%14) : real[tokens, 8]
        output y = %15
        """,
      gives: """
        %0 = input() {name=tokenIDs} : int32[tokens]
        %1 = weight() {parts="e[16, 8]"} : bfloat16[16, 8]
        %2 = embed(%1, %0) : float32[tokens, 8]
        %3 = weight() {parts="qk[16, 8]"} : bfloat16[16, 8]
        %4 = linear(%2, %3) : bfloat16[tokens, 16]
        %5 = reshape(%4) {shape="[tokens, 2, 8]"} : bfloat16[tokens, 2, 8]
        %6 = rms_norm(%5) {eps=1e-05} : bfloat16[tokens, 2, 8]
        %7 = attention(%6, %6, %6) {layer=0, scale=0.5} : bfloat16[tokens, 2, 8]
        %8 = reshape(%7) {shape="[tokens, 16]"} : bfloat16[tokens, 16]
        %9 = weight() {parts="o[8, 16]"} : bfloat16[8, 16]
        %10 = linear(%8, %9) : float32[tokens, 8]
        %11 = scale(%10) {factor=0.5} : float32[tokens, 8]
        %12 = add(%2, %11) : float32[tokens, 8]
        %13 = silu(%12) : bfloat16[tokens, 8]
        %14 = multiply(%13, %13) : bfloat16[tokens, 8]
        %15 = tanh(%14) : float32[tokens, 8]
        output y = %15
        """)
  }

  @Test func matricesMayAllHaveOneType() throws {
    var policy = PrecisionPolicy(.float32)
    policy.matrices = .float32
    let types = try typesAfterPrecision(
      """
      %0 = input() {name=x} : real[tokens, 8]
      %1 = weight() {parts="w[4, 8]"} : real[4, 8]
      %2 = linear(%0, %1) : real[tokens, 4]
      output y = %2
      """, PassContext(precision: policy) { _ in .bfloat16 })
    #expect(types == [.float32, .float32, .float32])
  }

  @Test func cacheIsStoredLikeOperandsUnlessSaid() {
    #expect(PrecisionPolicy(.bfloat16).cache == .bfloat16)
    #expect(PrecisionPolicy(.bfloat16, cache: .float8e4m3).cache == .float8e4m3)
  }

  private func typesAfterPrecision(_ text: String, _ context: PassContext = .bfloat16) throws -> [DType] {
    try Pipeline.run(Graph(text: text), context, passes: [.precision]).types.map(\.dtype)
  }
}
