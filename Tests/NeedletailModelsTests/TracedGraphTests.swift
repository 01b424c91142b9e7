import NeedletailGraph
import NeedletailJSON
import NeedletailModels
import Testing

/// The text of whole graphs of two layers.
@Suite struct TracedGraphTests {
  @Test func mistral() throws {
    let model = try ModelTable.standard.model(
      for: Fixture.config(["model_type": "mistral", "sliding_window": 16]))
    let graph = try model.trace()
    #expect(graph.text == Self.mistralText)
    #expect(try Graph(text: graph.text) == graph)
  }

  /// Tied embeddings, biases, heads of another width, yarn.
  @Test func llamaDiffersInTheseLines() throws {
    let model = try ModelTable.standard.model(
      for: Fixture.config([
        "tie_word_embeddings": true, "attention_bias": true, "head_dim": 24, "rms_norm_eps": 1e-5,
        "rope_parameters": [
          "rope_type": "yarn", "factor": 4, "rope_theta": 5e5, "original_max_position_embeddings": 64,
        ],
      ]))
    let graph = try model.trace()
    try graph.verify()
    let lines = graph.text.split(separator: "\n").map(String.init)
    for line in [
      #"%5 = weight() {parts="model.layers.0.self_attn.q_proj.weight[96, 64]", split=columns} : real[96, 64]"#,
      #"%6 = weight() {parts="model.layers.0.self_attn.q_proj.bias[96]", split=columns} : real[96]"#,
      #"%7 = linear(%4, %5, %6) : real[tokens, 96]"#,
      #"= reshape(%7) {shape="[tokens, 4, 24]"} : real[tokens, 4, 24]"#,
      #"%18 = rope_table(%17) {dim=24, theta=500000.0, attention_factor=1.1386294, type=yarn, factor=4.0, "#
        + "beta_fast=32.0, beta_slow=1.0, original=64} : real[tokens, 24]",
      #"%21 = attention(%19, %20, %16) {layer=0, scale=0.20412415} : real[tokens, 4, 24]"#,
      #"%24 = weight() {parts="model.layers.0.self_attn.o_proj.bias[64]"} : real[64]"#,
      #"= rms_norm(%2, %3) {eps=1e-05} : real[tokens, 64]"#,
    ] { #expect(lines.contains { $0.contains(line) }, "\(line)") }
    let embeddings = lines.filter { $0.contains("model.embed_tokens.weight") }
    #expect(embeddings.count == 1, "one weight for the embedding and the logits")
    #expect(lines.suffix(2).first?.contains("linear(") == true)
    #expect(lines.suffix(2).first?.contains(", %1) : real[tokens, 320]") == true)
  }

  static let mistralText = """
    %0 = input() {name=tokenIDs} : int32[tokens]
    %1 = weight() {parts="model.embed_tokens.weight[320, 64]"} : real[320, 64]  # model.embed_tokens
    %2 = embed(%1, %0) : real[tokens, 64]  # model.embed_tokens
    %3 = weight() {parts="model.layers.0.input_layernorm.weight[64]"} : real[64]  # model.layers.0.input_layernorm
    %4 = rms_norm(%2, %3) {eps=1e-06} : real[tokens, 64]  # model.layers.0.input_layernorm
    %5 = weight() {parts="model.layers.0.self_attn.q_proj.weight[64, 64]", split=columns} : real[64, 64]  # model.layers.0.self_attn.q_proj
    %6 = linear(%4, %5) : real[tokens, 64]  # model.layers.0.self_attn.q_proj
    %7 = weight() {parts="model.layers.0.self_attn.k_proj.weight[32, 64]", split=columns} : real[32, 64]  # model.layers.0.self_attn.k_proj
    %8 = linear(%4, %7) : real[tokens, 32]  # model.layers.0.self_attn.k_proj
    %9 = weight() {parts="model.layers.0.self_attn.v_proj.weight[32, 64]", split=columns} : real[32, 64]  # model.layers.0.self_attn.v_proj
    %10 = linear(%4, %9) : real[tokens, 32]  # model.layers.0.self_attn.v_proj
    %11 = reshape(%6) {shape="[tokens, 4, 16]"} : real[tokens, 4, 16]  # model.layers.0.self_attn
    %12 = reshape(%8) {shape="[tokens, 2, 16]"} : real[tokens, 2, 16]  # model.layers.0.self_attn
    %13 = reshape(%10) {shape="[tokens, 2, 16]"} : real[tokens, 2, 16]  # model.layers.0.self_attn
    %14 = input() {name=positions} : int32[tokens]
    %15 = rope_table(%14) {dim=16, theta=10000.0} : real[tokens, 16]  # model.layers.0.self_attn
    %16 = rope(%11, %15) : real[tokens, 4, 16]  # model.layers.0.self_attn
    %17 = rope(%12, %15) : real[tokens, 2, 16]  # model.layers.0.self_attn
    %18 = attention(%16, %17, %13) {layer=0, scale=0.25, window=16} : real[tokens, 4, 16]  # model.layers.0.self_attn
    %19 = reshape(%18) {shape="[tokens, 64]"} : real[tokens, 64]  # model.layers.0.self_attn
    %20 = weight() {parts="model.layers.0.self_attn.o_proj.weight[64, 64]", split=rows} : real[64, 64]  # model.layers.0.self_attn.o_proj
    %21 = linear(%19, %20) : real[tokens, 64]  # model.layers.0.self_attn.o_proj
    %22 = add(%2, %21) : real[tokens, 64]  # model.layers.0
    %23 = weight() {parts="model.layers.0.post_attention_layernorm.weight[64]"} : real[64]  # model.layers.0.post_attention_layernorm
    %24 = rms_norm(%22, %23) {eps=1e-06} : real[tokens, 64]  # model.layers.0.post_attention_layernorm
    %25 = weight() {parts="model.layers.0.mlp.gate_proj.weight[184, 64]", split=columns} : real[184, 64]  # model.layers.0.mlp.gate_proj
    %26 = linear(%24, %25) : real[tokens, 184]  # model.layers.0.mlp.gate_proj
    %27 = silu(%26) : real[tokens, 184]  # model.layers.0.mlp
    %28 = weight() {parts="model.layers.0.mlp.up_proj.weight[184, 64]", split=columns} : real[184, 64]  # model.layers.0.mlp.up_proj
    %29 = linear(%24, %28) : real[tokens, 184]  # model.layers.0.mlp.up_proj
    %30 = multiply(%27, %29) : real[tokens, 184]  # model.layers.0.mlp
    %31 = weight() {parts="model.layers.0.mlp.down_proj.weight[64, 184]", split=rows} : real[64, 184]  # model.layers.0.mlp.down_proj
    %32 = linear(%30, %31) : real[tokens, 64]  # model.layers.0.mlp.down_proj
    %33 = add(%22, %32) : real[tokens, 64]  # model.layers.0
    %34 = weight() {parts="model.layers.1.input_layernorm.weight[64]"} : real[64]  # model.layers.1.input_layernorm
    %35 = rms_norm(%33, %34) {eps=1e-06} : real[tokens, 64]  # model.layers.1.input_layernorm
    %36 = weight() {parts="model.layers.1.self_attn.q_proj.weight[64, 64]", split=columns} : real[64, 64]  # model.layers.1.self_attn.q_proj
    %37 = linear(%35, %36) : real[tokens, 64]  # model.layers.1.self_attn.q_proj
    %38 = weight() {parts="model.layers.1.self_attn.k_proj.weight[32, 64]", split=columns} : real[32, 64]  # model.layers.1.self_attn.k_proj
    %39 = linear(%35, %38) : real[tokens, 32]  # model.layers.1.self_attn.k_proj
    %40 = weight() {parts="model.layers.1.self_attn.v_proj.weight[32, 64]", split=columns} : real[32, 64]  # model.layers.1.self_attn.v_proj
    %41 = linear(%35, %40) : real[tokens, 32]  # model.layers.1.self_attn.v_proj
    %42 = reshape(%37) {shape="[tokens, 4, 16]"} : real[tokens, 4, 16]  # model.layers.1.self_attn
    %43 = reshape(%39) {shape="[tokens, 2, 16]"} : real[tokens, 2, 16]  # model.layers.1.self_attn
    %44 = reshape(%41) {shape="[tokens, 2, 16]"} : real[tokens, 2, 16]  # model.layers.1.self_attn
    %45 = rope(%42, %15) : real[tokens, 4, 16]  # model.layers.1.self_attn
    %46 = rope(%43, %15) : real[tokens, 2, 16]  # model.layers.1.self_attn
    %47 = attention(%45, %46, %44) {layer=1, scale=0.25, window=16} : real[tokens, 4, 16]  # model.layers.1.self_attn
    %48 = reshape(%47) {shape="[tokens, 64]"} : real[tokens, 64]  # model.layers.1.self_attn
    %49 = weight() {parts="model.layers.1.self_attn.o_proj.weight[64, 64]", split=rows} : real[64, 64]  # model.layers.1.self_attn.o_proj
    %50 = linear(%48, %49) : real[tokens, 64]  # model.layers.1.self_attn.o_proj
    %51 = add(%33, %50) : real[tokens, 64]  # model.layers.1
    %52 = weight() {parts="model.layers.1.post_attention_layernorm.weight[64]"} : real[64]  # model.layers.1.post_attention_layernorm
    %53 = rms_norm(%51, %52) {eps=1e-06} : real[tokens, 64]  # model.layers.1.post_attention_layernorm
    %54 = weight() {parts="model.layers.1.mlp.gate_proj.weight[184, 64]", split=columns} : real[184, 64]  # model.layers.1.mlp.gate_proj
    %55 = linear(%53, %54) : real[tokens, 184]  # model.layers.1.mlp.gate_proj
    %56 = silu(%55) : real[tokens, 184]  # model.layers.1.mlp
    %57 = weight() {parts="model.layers.1.mlp.up_proj.weight[184, 64]", split=columns} : real[184, 64]  # model.layers.1.mlp.up_proj
    %58 = linear(%53, %57) : real[tokens, 184]  # model.layers.1.mlp.up_proj
    %59 = multiply(%56, %58) : real[tokens, 184]  # model.layers.1.mlp
    %60 = weight() {parts="model.layers.1.mlp.down_proj.weight[64, 184]", split=rows} : real[64, 184]  # model.layers.1.mlp.down_proj
    %61 = linear(%59, %60) : real[tokens, 64]  # model.layers.1.mlp.down_proj
    %62 = add(%51, %61) : real[tokens, 64]  # model.layers.1
    %63 = weight() {parts="model.norm.weight[64]"} : real[64]  # model.norm
    %64 = rms_norm(%62, %63) {eps=1e-06} : real[tokens, 64]  # model.norm
    %65 = weight() {parts="lm_head.weight[320, 64]", split=columns} : real[320, 64]  # lm_head
    %66 = linear(%64, %65) : real[tokens, 320]  # lm_head
    output logits = %66

    """
}
