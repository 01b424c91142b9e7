import NeedletailGraph

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Every kernel and operation in plain loops and double precision: what fast kernels are compared with.
///
/// Arrays are dense and row-major.
public enum Reference {
  /// x [rows, k] times w [n, k] transposed, plus a bias [n] and a residual [rows, n].
  public static func matmul(
    _ x: [Double], _ w: [Double], rows: Int, n: Int, k: Int, bias: [Double]? = nil, residual: [Double]? = nil
  ) -> [Double] {
    var out = [Double](repeating: 0, count: rows * n)
    for row in 0..<rows {
      for column in 0..<n {
        var sum = 0.0
        for index in 0..<k { sum += x[row * k + index] * w[column * k + index] }
        out[row * n + column] = sum + (bias?[column] ?? 0) + (residual?[row * n + column] ?? 0)
      }
    }
    return out
  }

  /// What rows at a position are multiplied by.
  public static func factor(of scale: PositionScale, at position: Int) -> Double {
    1 + Double(scale.factor) * log1p(Double((position + 1) / scale.period))
  }

  /// A normalization of rows of a width.
  public static func norm(
    _ x: [Double], width: Int, _ norm: Norm, weight: [Double]? = nil, bias: [Double]? = nil
  ) -> [Double] {
    var out = x
    for start in stride(from: 0, to: x.count, by: max(width, 1)) {
      let row = x[start..<start + width]
      let mean = norm.kind == .layer ? row.reduce(0, +) / Double(width) : 0
      let square = row.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(width)
      let factor = 1 / (square + Double(norm.eps)).squareRoot()
      for column in 0..<width {
        let scale = Double(norm.weightOffset) + (weight?[column] ?? 1)
        out[start + column] = (x[start + column] - mean) * factor * scale + (bias?[column] ?? 0)
      }
    }
    return out
  }

  /// Cosines, then sines, of each position: [positions, 2 inverseFrequencies]. Angles are float32 products, as in the
  /// reference implementations.
  public static func ropeTable(_ positions: [Int], _ inverseFrequencies: [Float], scale: Float = 1) -> [Double] {
    positions.flatMap { position in
      let angles = inverseFrequencies.map { Double(Float(position) * $0) }
      return angles.map { cos($0) * Double(scale) } + angles.map { sin($0) * Double(scale) }
    }
  }

  /// x [tokens, heads, headDim] with the first `rotaryDim` elements of each head rotated by a table [tokens, rotaryDim].
  public static func rotated(
    _ x: [Double], heads: Int, headDim: Int, table: [Double], rotaryDim: Int, interleaved: Bool
  ) -> [Double] {
    var out = x
    let half = rotaryDim / 2
    for head in 0..<(x.count / max(headDim, 1)) {
      let token = head / heads
      for index in 0..<half {
        let first = head * headDim + (interleaved ? 2 * index : index)
        let second = interleaved ? first + 1 : first + half
        let (cosine, sine) = (table[token * rotaryDim + index], table[token * rotaryDim + half + index])
        out[first] = x[first] * cosine - x[second] * sine
        out[second] = x[second] * cosine + x[first] * sine
      }
    }
    return out
  }

  /// An element-wise function.
  public static func activation(_ x: Double, _ activation: Activation) -> Double {
    func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }
    switch activation {
    case .identity: return x
    case .silu: return x * sigmoid(x)
    case .gelu: return 0.5 * x * erfc(-x / 2.0.squareRoot())
    case .geluTanh: return 0.5 * x * (1 + tanh((2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)))
    case .relu: return max(x, 0)
    case .reluSquared: return max(x, 0) * max(x, 0)
    case .sigmoid: return sigmoid(x)
    case .tanh: return tanh(x)
    case .quickGelu: return x * sigmoid(1.702 * x)
    }
  }

  /// cap tanh(x / cap).
  public static func softcap(_ x: Double, _ cap: Double) -> Double { cap * tanh(x / cap) }

  /// activation(gate) * up of rows [gate, up] of 2 width.
  public static func gatedActivation(_ x: [Double], width: Int, _ function: Activation) -> [Double] {
    stride(from: 0, to: x.count, by: 2 * width).flatMap { gate in
      (gate..<gate + width).map { activation(x[$0], function) * x[$0 + width] }
    }
  }

  /// Element by element; b may be shorter, and is then repeated.
  public static func binary(_ a: [Double], _ b: [Double], _ operation: BinaryOperation) -> [Double] {
    a.indices.map { index in
      let (x, y) = (a[index], b[index % b.count])
      switch operation {
      case .add: return x + y
      case .multiply: return x * y
      case .subtract: return x - y
      case .divide: return x / y
      }
    }
  }

  /// Rows of a table [count, width]; zeros for an index outside of it.
  public static func gatherRows(_ table: [Double], width: Int, _ indices: [Int], scale: Double = 1) -> [Double] {
    indices.flatMap { index in
      index >= 0 && (index + 1) * width <= table.count
        ? table[index * width..<(index + 1) * width].map { $0 * scale } : Array(repeating: 0, count: width)
    }
  }
}
