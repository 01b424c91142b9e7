import NeedletailCompiler
import NeedletailGraph
import Testing

struct KeepScoredRowsTests {
  @Test func rowsAreChosenAfterTheLastValuesOtherTokensNeed() throws {
    try expect(
      .keepScoredRows,
      of: """
        %0 = input() {name=x} : real[tokens, 8]
        %9 = input() {name=qkv} : real[tokens, 2, 4]
        %1 = attention(%9, %9, %9) {layer=0, scale=0.5} : real[tokens, 2, 4]
        %2 = reshape(%1) {shape="[tokens, 8]"} : real[tokens, 8]
        %3 = weight() {parts="o[8, 8]"} : real[8, 8]
        %4 = linear(%2, %3) : real[tokens, 8]
        %5 = add(%0, %4) : real[tokens, 8]
        %6 = rms_norm(%5) {eps=1e-05} : real[tokens, 8]
        %7 = linear(%6, %3) : real[tokens, 8]
        %8 = softcap(%7) {cap=30.0} : real[tokens, 8]
        output logits = %8
        """,
      gives: """
        %0 = input() {name=x} : real[tokens, 8]
        %1 = input() {name=qkv} : real[tokens, 2, 4]
        %2 = attention(%1, %1, %1) {layer=0, scale=0.5} : real[tokens, 2, 4]
        %3 = reshape(%2) {shape="[tokens, 8]"} : real[tokens, 8]
        %4 = weight() {parts="o[8, 8]"} : real[8, 8]
        %5 = scored_rows(%3) : real[scoredRows, 8]
        %6 = linear(%5, %4) : real[scoredRows, 8]
        %7 = scored_rows(%0) : real[scoredRows, 8]
        %8 = add(%7, %6) : real[scoredRows, 8]
        %9 = rms_norm(%8) {eps=1e-05} : real[scoredRows, 8]
        %10 = linear(%9, %4) : real[scoredRows, 8]
        %11 = softcap(%10) {cap=30.0} : real[scoredRows, 8]
        output logits = %11
        """)
  }

  @Test func oneGatherServesAllWhoReadAValue() throws {
    try expect(
      .keepScoredRows,
      of: """
        %0 = input() {name=x} : real[tokens, 8]
        %1 = silu(%0) : real[tokens, 8]
        %2 = relu(%0) : real[tokens, 8]
        %3 = add(%1, %2) : real[tokens, 8]
        output logits = %3
        """,
      gives: """
        %0 = input() {name=x} : real[tokens, 8]
        %1 = scored_rows(%0) : real[scoredRows, 8]
        %2 = silu(%1) : real[scoredRows, 8]
        %3 = relu(%1) : real[scoredRows, 8]
        %4 = add(%2, %3) : real[scoredRows, 8]
        output logits = %4
        """)
  }

  @Test func aRecordedGatherIsMovedAsWell() throws {
    try expect(
      .keepScoredRows,
      of: """
        %0 = input() {name=x} : real[tokens, 8]
        %1 = silu(%0) : real[tokens, 8]
        %2 = scored_rows(%1) : real[scoredRows, 8]
        %3 = relu(%2) : real[scoredRows, 8]
        %4 = scored_rows(%0) : real[scoredRows, 8]
        %5 = add(%3, %4) : real[scoredRows, 8]
        output logits = %5
        """,
      gives: """
        %0 = input() {name=x} : real[tokens, 8]
        %1 = scored_rows(%0) : real[scoredRows, 8]
        %2 = silu(%1) : real[scoredRows, 8]
        %3 = relu(%2) : real[scoredRows, 8]
        %4 = add(%3, %1) : real[scoredRows, 8]
        output logits = %4
        """)
  }

  @Test func viewsOfWhatAllTokensNeedStayBeforeTheGather() throws {
    try expect(
      .keepScoredRows,
      of: """
        %0 = input() {name=x} : real[tokens, 8]
        %1 = rms_norm(%0) {eps=1e-05} : real[tokens, 8]
        %2 = slice(%1) {start=0, count=4} : real[tokens, 4]
        %3 = silu(%2) : real[tokens, 4]
        %4 = reshape(%3) {shape="[tokens, 2, 2]"} : real[tokens, 2, 2]
        output logits = %4
        output normed = %1
        """,
      gives: """
        %0 = input() {name=x} : real[tokens, 8]
        %1 = rms_norm(%0) {eps=1e-05} : real[tokens, 8]
        %2 = slice(%1) {start=0, count=4} : real[tokens, 4]
        %3 = scored_rows(%2) : real[scoredRows, 4]
        %4 = silu(%3) : real[scoredRows, 4]
        %5 = reshape(%4) {shape="[scoredRows, 2, 2]"} : real[scoredRows, 2, 2]
        output logits = %5
        output normed = %1
        """)
  }

  @Test func whatMixesTokensStopsIt() throws {
    // A norm over heads, written over rows that are not tokens.
    try expect(
      .keepScoredRows,
      of: """
        %0 = input() {name=x} : real[tokens, 8]
        %1 = reshape(%0) {shape="[tokens*2, 4]"} : real[tokens*2, 4]
        %2 = rms_norm(%1) {eps=1e-05} : real[tokens*2, 4]
        %3 = reshape(%2) {shape="[tokens, 8]"} : real[tokens, 8]
        %4 = silu(%3) : real[tokens, 8]
        output logits = %4
        """,
      gives: """
        %0 = input() {name=x} : real[tokens, 8]
        %1 = reshape(%0) {shape="[tokens*2, 4]"} : real[tokens*2, 4]
        %2 = rms_norm(%1) {eps=1e-05} : real[tokens*2, 4]
        %3 = reshape(%2) {shape="[tokens, 8]"} : real[tokens, 8]
        %4 = scored_rows(%3) : real[scoredRows, 8]
        %5 = silu(%4) : real[scoredRows, 8]
        output logits = %5
        """)
  }

  @Test func fusedOperationsAreRowWiseToo() throws {
    try expect(
      .keepScoredRows,
      of: """
        %0 = input() {name=x} : real[tokens, 8]
        %1 = input() {name=delta} : real[tokens, 8]
        %2, %3 = add_rms_norm(%0, %1) {eps=1e-05} : real[tokens, 8], real[tokens, 8]
        %4 = gated_activation(%3) {activation=silu} : real[tokens, 4]
        output logits = %4
        """,
      gives: """
        %0 = input() {name=x} : real[tokens, 8]
        %1 = input() {name=delta} : real[tokens, 8]
        %2 = scored_rows(%0) : real[scoredRows, 8]
        %3 = scored_rows(%1) : real[scoredRows, 8]
        %4, %5 = add_rms_norm(%2, %3) {eps=1e-05} : real[scoredRows, 8], real[scoredRows, 8]
        %6 = gated_activation(%5) {activation=silu} : real[scoredRows, 4]
        output logits = %6
        """)
  }

  @Test func otherOutputsAndOtherShapesKeepTheirRows() throws {
    try expectUnchanged(
      by: .keepScoredRows,
      """
      %0 = input() {name=x} : real[tokens, 8]
      %1 = silu(%0) : real[tokens, 8]
      output hidden = %1
      """)
    try expectUnchanged(
      by: .keepScoredRows,
      """
      %0 = input() {name=x} : real[sequences, 8]
      %1 = silu(%0) : real[sequences, 8]
      output logits = %1
      """)
  }

  @Test func productsThatChooseTheirRowsAreGivenAllOthers() throws {
    try expect(
      .keepScoredRows, context: .fused,
      of: """
        %0 = input() {name=x} : real[tokens, 8]
        %1 = weight() {parts="w[8, 8]"} : real[8, 8]
        %2 = linear(%0, %1) : real[tokens, 8]
        %3 = rms_norm(%2) {eps=1e-05} : real[tokens, 8]
        %4 = weight() {parts="head[32, 8]"} : real[32, 8]
        %5 = linear(%3, %4) : real[tokens, 32]
        %6 = softcap(%5) {cap=30.0} : real[tokens, 32]
        output logits = %6
        """,
      gives: """
        %0 = input() {name=x} : real[tokens, 8]
        %1 = weight() {parts="w[8, 8]"} : real[8, 8]
        %2 = linear(%0, %1) : real[tokens, 8]
        %3 = rms_norm(%2) {eps=1e-05} : real[tokens, 8]
        %4 = weight() {parts="head[32, 8]"} : real[32, 8]
        %5 = scored_rows(%3) : real[scoredRows, 8]
        %6 = linear(%5, %4) : real[scoredRows, 32]
        %7 = softcap(%6) {cap=30.0} : real[scoredRows, 32]
        output logits = %7
        """)
  }
}
