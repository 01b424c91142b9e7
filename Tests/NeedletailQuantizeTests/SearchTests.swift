import NeedletailCPU
import NeedletailCheckpoint
import NeedletailGraph
import Testing

@testable import NeedletailQuantize

struct SearchTests {
  /// Second moments of inputs that depend on each other, some columns larger.
  private func moments(_ seed: UInt64, _ columns: Int, tokens: Int = 300) -> FloatMatrix {
    var numbers = Numbers(seed)
    var x = numbers.matrix(tokens, columns, scale: 1)
    for token in 0..<tokens {
      for column in 1..<columns {
        x.elements[token * columns + column] += 0.5 * x.elements[token * columns + column - 1]
      }
    }
    return plainProduct(x.transposed, x.transposed)
  }

  private func plainProduct(_ a: FloatMatrix, _ b: FloatMatrix) -> FloatMatrix {
    var result = FloatMatrix(a.rows, b.rows, [Float](repeating: 0, count: a.rows * b.rows))
    for i in 0..<a.rows {
      for j in 0..<b.rows {
        var sum = 0.0
        for k in 0..<a.columns { sum += Double(a.elements[i * a.columns + k]) * Double(b.elements[j * b.columns + k]) }
        result.elements[i * b.rows + j] = Float(sum)
      }
    }
    return result
  }

  private func error(_ matrix: QuantizedMatrix, _ weight: FloatMatrix, _ moments: FloatMatrix) throws -> Double {
    var change = FloatMatrix(weight.rows, weight.columns, matrix.values())
    change.subtract(weight)
    return try Products(try CPUDevice(threads: 1)).error(change, moments)
  }

  @Test func products() throws {
    var numbers = Numbers(3)
    let (a, b) = (numbers.matrix(37, 65), numbers.matrix(21, 65))
    let expected = plainProduct(a, b)
    let found = try Products(try CPUDevice(threads: 2)).product(a, b)
    #expect(zip(found.elements, expected.elements).allSatisfy { abs($0 - $1) < 1e-4 })
    #expect(a.transposed.transposed == a)
  }

  @Test(arguments: [1, 5, 40, 97]) func cholesky(_ n: Int) throws {
    var matrix = moments(UInt64(n), n)
    for index in 0..<n { matrix.elements[index * n + index] += 5 }
    let upper = try #require(Cholesky.upper(matrix))
    let back = plainProduct(upper.transposed, upper.transposed)
    #expect(zip(back.elements, matrix.elements).allSatisfy { abs($0 - $1) <= 2e-4 * (1 + abs($1)) })
    let inverse = Cholesky.inverse(ofUpper: upper)
    let identity = plainProduct(inverse, matrix)
    for i in 0..<n {
      for j in 0..<n { #expect(abs(identity.elements[i * n + j] - (i == j ? 1 : 0)) < 0.02) }
    }
    matrix.elements[0] = -1
    #expect(Cholesky.upper(matrix) == nil)
  }

  @Test(arguments: [false, true], [32, 64]) func gptqMakesLessErrorThanRounding(_ ordersColumns: Bool, _ size: Int)
    throws
  {
    for seed in [UInt64(5), 6] {
      var numbers = Numbers(seed)
      let weight = numbers.matrix(24, 128)
      let moments = moments(seed + 10, 128)
      let coding = WeightCoding(.int4, groupSize: size, hasZeroPoints: true, scaleType: .bfloat16)
      var gptq = GPTQ()
      gptq.ordersColumns = ordersColumns
      let found = gptq.encode(weight, try gptq.prepare(moments), coding)
      let nearest = RoundToNearest.encode(weight, coding)
      #expect(try error(found, weight, moments) < 0.7 * error(nearest, weight, moments))
    }
  }

  @Test func gptqOfIndependentColumnsIsRounding() throws {
    var numbers = Numbers(9)
    let weight = numbers.matrix(10, 64)
    var moments = FloatMatrix(64, 64, [Float](repeating: 0, count: 64 * 64))
    for index in 0..<64 { moments.elements[index * 65] = 1 + Float(index % 5) }
    let coding = WeightCoding(.int4, groupSize: 16, hasZeroPoints: true, scaleType: .float16)
    #expect(GPTQ().encode(weight, try GPTQ().prepare(moments), coding) == RoundToNearest.encode(weight, coding))
    let none = FloatMatrix(64, 64, [Float](repeating: 0, count: 64 * 64))
    #expect(sentence { _ = try GPTQ().prepare(none) }.contains("no input"))
  }

  @Test func clipsAndFactorsMakeLessError() throws {
    var numbers = Numbers(11)
    // Inputs have large columns, the weight has none.
    let weight = FloatMatrix(32, 128, (0..<32 * 128).map { _ in numbers.normal() * 0.05 })
    let moments = moments(12, 128)
    let coding = WeightCoding(.int4, groupSize: 32, hasZeroPoints: true, scaleType: .bfloat16)
    let clips = ClipSearch.clips(weight, moments: moments, coding)
    #expect(clips.allSatisfy { $0 > 0.5 && $0 <= 1 } && clips.contains { $0 < 1 })
    let nearest = try error(RoundToNearest.encode(weight, coding), weight, moments)
    #expect(try error(RoundToNearest.encode(weight, coding, clips: clips), weight, moments) < nearest)

    var statistics = InputStatistics(columns: 128, withMoments: false)
    statistics.count = 1
    statistics.absoluteSums = (0..<128).map { moments.elements[$0 * 129].squareRoot() }
    let products = Products(try CPUDevice(threads: 1))
    let found = try ScaleSearch.awq([weight], statistics, moments: moments, coding, tied: nil, products)
    #expect(found.error < 0.9 * found.errorBefore)
    #expect(abs(found.errorBefore - nearest) < 1e-3 * nearest)
    let ties = Ties(heads: 4, sources: 2, width: 32)
    let tied = try ScaleSearch.awq([weight], statistics, moments: moments, coding, tied: ties, products).scales
    for column in 0..<32 { #expect(tied[column] == tied[column + 32] && tied[64 + column] == tied[96 + column]) }
  }

  @Test func smoothing() {
    var statistics = InputStatistics(columns: 4, withMoments: false)
    statistics.maxima = [16, 1, 4, 0]
    let weight = FloatMatrix(2, 4, [1, 1, -4, 1, 0.5, 0.25, 1, 1])
    let scales = ScaleSearch.smoothQuant([weight], statistics, alpha: 0.5, tied: nil)
    #expect(scales[0] == 4 && scales[1] == 1 && scales[2] == 1 && scales[3] > 0)
  }
}
