import NeedletailCompiler
import NeedletailGraph
import NeedletailKernels
import Testing

struct FuseCachedAttentionTests {
  private static let model = """
    %0 = input() {name=qkv} : bfloat16[tokens, 16]
    %1 = input() {name=table} : float32[tokens, 4]
    %2, %3 = rope_cache_write(%0, %1) {layer=0, heads=2, kv_heads=1, head_dim=4} : bfloat16[tokens, 2, 4], state
    %4 = weight() {parts="sinks[2]"} : float32[2]
    %5 = paged_attention(%2, %3, %4) {layer=0, scale=0.5, window=9, kv_heads=1, value_dim=4} : bfloat16[tokens, 2, 4]
    output y = %5
    """

  @Test func writeAndAttentionBecomeOneOperation() throws {
    try expect(
      .fuseCachedAttention, context: .fused, of: Self.model,
      gives: """
        %0 = input() {name=qkv} : bfloat16[tokens, 16]
        %1 = input() {name=table} : float32[tokens, 4]
        %2 = weight() {parts="sinks[2]"} : float32[2]
        %3 = cached_attention(%0, %1, %2) {layer=0, scale=0.5, window=9, heads=2, kv_heads=1, head_dim=4} : bfloat16[tokens, 2, 4]
        output y = %3
        """)
  }

  @Test func staysApartWhereTheQueryIsReadTwice() throws {
    try expectUnchanged(
      by: .fuseCachedAttention, context: .fused, Self.model.replacing("output y", with: "output q = %2\noutput y"))
  }

  @Test func needsTheFusion() throws {
    try expectUnchanged(by: .fuseCachedAttention, context: .fused.without(.cachedAttention), Self.model)
  }
}
