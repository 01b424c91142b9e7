import NeedletailCheckpoint
import NeedletailGraph
import Testing

@testable import NeedletailQuantize

struct GroupRoundingTests {
  @Test func asymmetricRangesIncludeZero() {
    let rounding = GroupRounding(
      WeightCoding(.int4, groupSize: 8, hasZeroPoints: true, scaleType: .bfloat16), columns: 8)
    let (scale, zero) = rounding.scale(from: 1, to: 3)
    #expect(scale == FloatBits.float(bfloat16: FloatBits.bfloat16(0.2)))
    #expect(zero == 0)
    #expect(rounding.code(3, scale, zero) == 15)
    #expect(rounding.code(-1, scale, zero) == 0)
    let (other, middle) = rounding.scale(from: -15, to: 0)
    #expect(other == 1 && middle == 15)
    #expect(rounding.value(rounding.code(-4, other, middle), other, middle) == -4)
  }

  @Test func symmetricZeroIsEight() {
    let rounding = GroupRounding(WeightCoding(.int4, groupSize: 4, scaleType: .float16), columns: 4)
    let (scale, zero) = rounding.scale(from: -14, to: 7)
    #expect(scale == 2 && zero == 8)
    #expect(rounding.value(rounding.code(-14, scale, zero), scale, zero) == -14)
  }
}
