import NeedletailGraph
import Testing

@testable import NeedletailCheckpoint

struct TensorConversionTests {
  let directory = TemporaryDirectory()

  private func tensor<Element: BitwiseCopyable>(_ dtype: SafetensorsDType, _ elements: [Element]) throws -> TensorView {
    var writer = try SafetensorsWriter(directory("x.safetensors"), [.init("x", dtype, [elements.count])])
    try writer.write(elements, to: "x")
    try writer.finish()
    return try SafetensorsFile(directory("x.safetensors")).tensor("x")
  }

  /// Every half against the processor's own conversion, both ways.
  @Test func everyHalf() throws {
    let bits = Array(UInt16.min...UInt16.max)
    let floats = try tensor(.f16, bits).floats()
    var wrong = 0
    for (pattern, value) in zip(bits, floats) {
      let expected = Float(Float16(bitPattern: pattern))
      if value.bitPattern != expected.bitPattern, !(value.isNaN && expected.isNaN) { wrong += 1 }
      if !value.isNaN, FloatBits.float16(value) != pattern { wrong += 1 }
    }
    #expect(wrong == 0)
    #expect(FloatBits.float(float16: FloatBits.float16(.nan)).isNaN)
  }

  /// Rounding to half: values on, beside and between neighbours.
  @Test func roundsToHalf() {
    var generator = SafetensorsMutationTests.Generator(state: 3)
    var wrong = 0
    for _ in 0..<500_000 {
      let value = Float(bitPattern: .random(in: 0 ... .max, using: &generator))
      if !value.isNaN, FloatBits.float16(value) != Float16(value).bitPattern { wrong += 1 }
    }
    for pattern in UInt16.min..<0x7C00 {
      let middle = (Float(Float16(bitPattern: pattern)) + Float(min(Float16(bitPattern: pattern + 1), 65504))) / 2
      for value in [middle, middle.nextUp, middle.nextDown, -middle]
      where FloatBits.float16(value) != Float16(value).bitPattern {
        wrong += 1
      }
    }
    #expect(wrong == 0)
    #expect(FloatBits.float16(65519.9) == 0x7BFF && FloatBits.float16(65520) == 0x7C00)
    #expect(FloatBits.float16(.infinity) == 0x7C00 && FloatBits.float16(-.infinity) == 0xFC00)
  }

  @Test func bfloat16() throws {
    #expect(try tensor(.bf16, [0x3F80, 0xC000, 0x7F80, 0x0001] as [UInt16]).floats() == [1, -2, .infinity, 0x1p-133])
    // 1 + 2^-8 lies between two neighbours: the even one, 1, wins; 1 + 3 * 2^-8 goes up to 1 + 2^-6.
    #expect(FloatBits.bfloat16(1 + 0x1p-8) == 0x3F80 && FloatBits.bfloat16(1 + 3 * 0x1p-8) == 0x3F82)
    #expect(FloatBits.bfloat16((1 + 0x1p-8).nextUp) == 0x3F81)
    #expect(FloatBits.bfloat16(.greatestFiniteMagnitude) == 0x7F80)
    #expect(FloatBits.float(bfloat16: FloatBits.bfloat16(.nan)).isNaN)
    #expect(FloatBits.float(bfloat16: FloatBits.bfloat16(Float(bitPattern: 0x7F80_0001))).isNaN)
  }

  @Test func rangesOfElements() throws {
    let view = try tensor(.f32, (0..<10).map(Float.init))
    #expect(try view.floats(3..<6) == [3, 4, 5])
    #expect(try view.floats(10..<10) == [])
    #expect(try tensor(.f64, [0.1, 2]).floats(0..<1) == [0.1])
  }

  @Test func refusesOtherTypes() throws {
    let bytes = try tensor(.f8e4m3, [1, 2] as [UInt8])
    #expect(
      sentence { _ = try bytes.floats() } == directory("x.safetensors")
        + ": tensor 'x' is F8_E4M3, which is not converted to floating point here")
    #expect(sentence { _ = try bytes.integers() }.contains("is F8_E4M3 where integers are expected"))
    #expect(sentence { _ = try tensor(.u64, [UInt64.max]).integers() }.contains("holds 18446744073709551615"))
  }

  @Test func integers() throws {
    #expect(try tensor(.i64, [Int64.min, 5]).integers() == [Int.min, 5])
    #expect(try tensor(.u16, [65535] as [UInt16]).integers() == [65535])
    #expect(try tensor(.bool, [1, 0] as [UInt8]).integers() == [1, 0])
  }
}
