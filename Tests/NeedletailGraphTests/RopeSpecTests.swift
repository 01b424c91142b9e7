import NeedletailGraph
import Testing

/// Frequencies against those of `transformers`, made by `scripts/make-rope-frequencies`: a power, a division and a product
/// in float32 may each differ in the last place.
@Suite struct RopeSpecTests {
  static let cases: [(name: String, spec: RopeSpec, frequencies: [Float])] = [
    (
      "default", RopeSpec(dimensions: 16, theta: 10_000),
      [1.0, 0.31622776, 0.1, 0.03162278, 0.01, 0.0031622779, 0.001, 0.0003162278]
    ),
    (
      "linear", RopeSpec(dimensions: 16, theta: 10_000, scaling: .linear(factor: 2.5)),
      [0.4, 0.1264911, 0.04, 0.012649111, 0.0039999997, 0.0012649111, 0.00040000002, 0.00012649111]
    ),
    (
      "llama3",
      RopeSpec(
        dimensions: 128, theta: 500_000,
        scaling: .llama3(factor: 8, lowFrequency: 1, highFrequency: 4, originalLength: 8192)),
      [
        1.0, 0.8146172, 0.6636013, 0.540581, 0.44036663, 0.35873023, 0.29222783, 0.23805381, 0.19392276, 0.15797281,
        0.12868738, 0.10483095, 0.0853971, 0.06956595, 0.05666962, 0.04616405, 0.03760603, 0.03063452, 0.024955409,
        0.020329105, 0.01656044, 0.01349042, 0.010989529, 0.008952259, 0.007292665, 0.0059407307, 0.0048394212,
        0.003942276, 0.003211446, 0.0021665706, 0.0013718937, 0.00085675146, 0.000524846, 0.00031269365, 0.00017850779,
        9.556212e-05, 7.7846555e-05, 6.3415144e-05, 5.165907e-05, 4.2082367e-05, 3.4281024e-05, 2.792591e-05,
        2.2748929e-05, 1.853167e-05, 1.5096218e-05, 1.2297639e-05, 1.0017869e-05, 8.160728e-06, 6.6478697e-06,
        5.4154693e-06, 4.4115345e-06, 3.5937119e-06, 2.9274997e-06, 2.3847917e-06, 1.9426925e-06, 1.5825508e-06,
        1.2891732e-06, 1.0501826e-06, 8.554969e-07, 6.9690253e-07, 5.677088e-07, 4.6246538e-07, 3.7673226e-07,
        3.068926e-07,
      ]
    ),
    (
      "yarn",
      RopeSpec(
        dimensions: 64, theta: 10_000,
        scaling: .yarn(factor: 4, betaFast: 32, betaSlow: 1, originalLength: 512, truncates: true)),
      [
        1.0, 0.7498942, 0.56234133, 0.4216965, 0.29798386, 0.20977537, 0.14705002, 0.10257857, 0.07115384, 0.04903154,
        0.03352419, 0.022706732, 0.015203258, 0.010032734, 0.006497559, 0.004103143, 0.0025, 0.0018747356, 0.0014058533,
        0.0010542412, 0.00079056947, 0.00059284345, 0.00044456986, 0.00033338036, 0.00025, 0.00018747355, 0.00014058533,
        0.00010542412, 7.905695e-05, 5.9284346e-05, 4.4456985e-05, 3.3338038e-05,
      ]
    ),
    (
      "yarn, betas",
      RopeSpec(
        dimensions: 64, theta: 150_000,
        scaling: .yarn(factor: 16, betaFast: 16, betaSlow: 2, originalLength: 256, truncates: false)),
      [
        1.0, 0.6890443, 0.47478205, 0.30020845, 0.16900565, 0.09037113, 0.044298604, 0.018140808, 0.003967455,
        0.0021882874, 0.0015078268, 0.0010389596, 0.00071588915, 0.00049327937, 0.00033989135, 0.00023420018,
        0.00016137431, 0.00011119405, 7.661762e-05, 5.2792937e-05, 3.6376674e-05, 2.506514e-05, 1.7270992e-05,
        1.1900479e-05, 8.199957e-06, 5.6501335e-06, 3.8931926e-06, 2.682582e-06, 1.8484179e-06, 1.2736418e-06,
        8.775957e-07, 6.047023e-07,
      ]
    ),
    (
      "longrope, long",
      RopeSpec(dimensions: 16, theta: 10_000, scaling: .perDimension(factors: (0..<8).map { 1 + Float($0 * $0) / 3 })),
      [1.0, 0.2371708, 0.042857144, 0.007905695, 0.0015789473, 0.00033881547, 7.6923076e-05, 1.8243909e-05]
    ),
  ]

  @Test(arguments: cases)
  func frequenciesAreThoseOfTransformers(_ name: String, _ spec: RopeSpec, _ expected: [Float]) {
    let frequencies = spec.inverseFrequencies
    #expect(frequencies.count == expected.count)
    for (index, (ours, theirs)) in zip(frequencies, expected).enumerated() {
      #expect(abs(ours - theirs) <= theirs * 3e-7, "\(name), \(index): \(ours), not \(theirs)")
    }
  }

  @Test func scalingsChangeWhatTheyShould() {
    let plain = RopeSpec(dimensions: 64, theta: 10_000).inverseFrequencies
    let llama3 = RopeSpec(
      dimensions: 64, theta: 10_000,
      scaling: .llama3(factor: 8, lowFrequency: 1, highFrequency: 4, originalLength: 8192)
    ).inverseFrequencies
    #expect(llama3.first == plain.first, "high frequencies are kept")
    #expect(llama3.last == plain.last.map { $0 / 8 }, "low ones are divided")
    let same = RopeSpec(
      dimensions: 64, theta: 10_000, scaling: .perDimension(factors: Array(repeating: 1, count: 32)))
    #expect(same.inverseFrequencies == plain)
  }
}
