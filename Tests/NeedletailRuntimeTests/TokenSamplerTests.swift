import CNeedletailKernels
import Testing

import NeedletailRuntime

@Suite struct TokenSamplerTests {
  private func row(_ sampler: TokenSampler, index: Int) -> (nt_sampling_row, SamplingBatch) {
    var batch = SamplingBatch()
    batch.appendForced(token: 1, top: 4)
    sampler.append(index: index, to: &batch)
    return (batch.rows[1], batch)
  }

  @Test func translatesTheOptions() {
    var options = SamplingOptions()
    options.temperature = 0.7
    options.topK = 40
    options.topP = 0.9
    options.minP = 0.05
    options.logProbabilities = 2
    options.logitBias = [9: 1, 4: -2]
    let sampler = TokenSampler(options, prompt: [1, 2], stopTokens: [], seed: 11)
    let (row, batch) = row(sampler, index: 5)
    #expect(row.seed == 11 && row.position == 5 && row.temperature == 0.7 && row.top_k == 40)
    #expect(row.top_p == 0.9 && row.min_p == 0.05 && row.wants_logprob == 1 && row.top_logprobs == 2)
    #expect(row.bias_start == 1 && row.bias_count == 2 && batch.biases[1].token == 4 && batch.biases[2].token == 9)
    #expect(row.history_count == 0 && row.mask_start < 0)
    #expect(batch.maximumTop == 4)
    #expect(!sampler.needsEarlierTokens)
  }

  @Test func countsTokensForPenalties() {
    var options = SamplingOptions()
    options.repetitionPenalty = 1.3
    var sampler = TokenSampler(options, prompt: [5, 6, 5], stopTokens: [], seed: 0)
    sampler.record(6)
    sampler.record(8)
    sampler.record(8)
    let (row, batch) = row(sampler, index: 3)
    let counts = batch.history.suffix(Int(row.history_count)).map { [$0.token, $0.generated] }
    #expect(counts == [[5, 0], [6, 1], [8, 2]])
    #expect(sampler.needsEarlierTokens)
  }

  @Test func presenceLooksAtTheOutputOnly() {
    var options = SamplingOptions()
    options.presencePenalty = 1
    var sampler = TokenSampler(options, prompt: [5, 6], stopTokens: [], seed: 0)
    sampler.record(7)
    let (_, batch) = row(sampler, index: 1)
    #expect(batch.history.map(\.token) == [7])
  }

  @Test func bansStopsBeforeTheMinimum() {
    var options = SamplingOptions()
    options.minimumTokens = 2
    options.logitBias = [3: 5, 4: 1]
    let sampler = TokenSampler(options, prompt: [1], stopTokens: [3, 2], seed: 0)
    let (early, earlyBatch) = row(sampler, index: 1)
    let banned = earlyBatch.biases.suffix(Int(early.bias_count)).filter { $0.bias == -.infinity }.map(\.token)
    #expect(banned == [2, 3])
    #expect(early.bias_count == 3)
    let (late, _) = row(sampler, index: 2)
    #expect(late.bias_count == 2)
  }

  @Test func carriesMasks() {
    let sampler = TokenSampler(.greedy, prompt: [1], stopTokens: [], seed: 0)
    var batch = SamplingBatch()
    sampler.append(index: 0, mask: [7, 1], to: &batch)
    sampler.append(index: 1, to: &batch)
    sampler.append(index: 2, mask: [8, 0], to: &batch)
    #expect(batch.rows.map(\.mask_start) == [0, -1, 2])
    #expect(batch.masks == [7, 1, 8, 0])
  }
}
