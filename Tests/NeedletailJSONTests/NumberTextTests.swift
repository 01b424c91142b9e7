import Testing

@testable import NeedletailJSON

@Suite struct NumberTextTests {
  // Each expected text is what Python's `repr` prints.
  @Test(arguments: [
    (1.0, "1.0"), (0.1, "0.1"), (-0.0, "-0.0"), (0.0001, "0.0001"), (0.00001, "1e-05"), (1.5e-7, "1.5e-07"),
    (1e15, "1000000000000000.0"), (9_999_999_999_999_998, "9999999999999998.0"), (1e16, "1e+16"), (1.2e16, "1.2e+16"),
    (1e22, "1e+22"), (1e100, "1e+100"), (-2.5e-10, "-2.5e-10"), (123456.789, "123456.789"),
    (.leastNonzeroMagnitude, "5e-324"),
    (1.797_693_134_862_315_7e308, "1.7976931348623157e+308"), (100, "100.0"), (.infinity, "inf"), (-.infinity, "-inf"),
  ]) func printsAsPython(_ value: Double, _ text: String) {
    #expect(JSON.pythonText(of: value) == text)
  }

  @Test func everyTextReadsBack() {
    var bits: UInt64 = 88_172_645_463_325_252
    for _ in 0..<20_000 {
      bits ^= bits << 13
      bits ^= bits >> 7
      bits ^= bits << 17
      let value = Double(bitPattern: bits)
      guard value.isFinite else { continue }
      #expect(Double(JSON.pythonText(of: value)) == value)
    }
  }
}
