import CNeedletailCUDA
import NeedletailGraph
import NeedletailKernels

/// The launches of a variant with addresses and tensor maps filled in; a step fills in its counts and the places of its
/// inputs, which the driver copies when a kernel is launched.
final class LoadedVariant {
  /// A launch of a kernel or a library.
  private struct Entry {
    var function: KernelFunction?
    var shape: LaunchShape
    var gpu: GPULaunch?
    /// Pointers to the kernel's parameters.
    var parameters: UnsafeMutableBufferPointer<UnsafeMutableRawPointer?>
    var library: LibraryProduct?
    var arguments: UnsafeMutableRawPointer
    var name: String
  }
  private struct CountField {
    var field: UnsafeMutablePointer<Int64>
    var dim: Dim
  }
  private struct InputField {
    var field: UnsafeMutablePointer<UInt64>
    /// Nil: the tokens of the step before.
    var input: StepInput?
    var offset: Int
  }

  // One block holds all parameters, so that filling in a step's counts touches few pages.
  private let storage: UnsafeMutableRawPointer
  private let pointers: UnsafeMutableBufferPointer<UnsafeMutableRawPointer?>
  private var entries: [Entry] = []
  private var counts: [CountField] = []
  private var inputs: [InputField] = []
  private let products: (any ProductRunner)?
  /// Whether each launch is waited for, so that a failure names the one that failed.
  private let waitsForLaunches: Bool
  /// Launches.
  var launchCount: Int { entries.count }

  /// Fills in the launches of a variant.
  init(
    _ variant: PlanVariant, limits: PlanLimits, blockCount: Int, modules: LoadedModules, products: (any ProductRunner)?,
    options: CUDADevice.Options, driver: CUDADriver, address: (BufferReference) throws -> UInt64
  ) throws {
    self.products = products
    waitsForLaunches = options.waitsForLaunches
    let stride = { (bytes: Int) in (bytes + 127) / 128 * 128 }
    let bytes = variant.launches.reduce(0) {
      $0 + stride($1.arguments.bytes.count) + ($1.gpu?.tensorMaps.count ?? 0) * 128
    }
    storage = .allocate(byteCount: max(bytes, 128), alignment: 128)
    pointers = .allocate(capacity: max(variant.launches.reduce(0) { $0 + 1 + ($1.gpu?.tensorMaps.count ?? 0) }, 1))
    pointers.initialize(repeating: nil)
    var (next, pointer) = (storage, 0)
    entries.reserveCapacity(variant.launches.count)
    for launch in variant.launches {
      let arguments = next
      launch.arguments.bytes.withUnsafeBytes { source in
        if let base = source.baseAddress { arguments.copyMemory(from: base, byteCount: source.count) }
      }
      next += stride(launch.arguments.bytes.count)
      for patch in launch.arguments.patches {
        let field = arguments + patch.offset
        switch patch.value {
        case .address(let reference):
          let pointer = field.assumingMemoryBound(to: UInt64.self)
          switch reference.buffer {
          case .step(let input):
            inputs.append(InputField(field: pointer, input: input, offset: reference.offset))
          case .chosenTokens: inputs.append(InputField(field: pointer, input: nil, offset: reference.offset))
          default: pointer.pointee = try address(reference)
          }
        case .count(let dim): counts.append(CountField(field: field.assumingMemoryBound(to: Int64.self), dim: dim))
        }
      }
      let firstPointer = pointer
      pointers[pointer] = arguments
      pointer += 1
      for map in launch.gpu?.tensorMaps ?? [] {
        let encoded = try map.encoded(driver, address: try address(map.base), blockCount: blockCount)
        next.storeBytes(of: encoded, as: nt_cu_tensor_map.self)
        pointers[pointer] = next
        pointer += 1
        next += 128
      }
      entries.append(
        try Self.entry(
          launch, modules, arguments: arguments, parameters: .init(rebasing: pointers[firstPointer..<pointer]),
          startsEarly: options.startsEarly))
    }
  }

  deinit {
    storage.deallocate()
    pointers.deallocate()
  }

  private static func entry(
    _ launch: Launch, _ modules: LoadedModules, arguments: UnsafeMutableRawPointer,
    parameters: UnsafeMutableBufferPointer<UnsafeMutableRawPointer?>, startsEarly: Bool
  ) throws -> Entry {
    let gpu = launch.gpu
    guard gpu != nil || launch.library != nil else {
      throw CUDAError("\(launch.kernel) of \(launch.scope) is no launch for a GPU")
    }
    return Entry(
      function: try gpu.map { try modules.function($0.function) },
      shape: LaunchShape(
        grid: Extents(1), block: Extents(gpu?.threads ?? 1), sharedBytes: gpu?.sharedBytes ?? 0,
        cluster: gpu.flatMap { $0.cluster > 1 ? Extents($0.cluster) : nil },
        startsEarly: startsEarly && gpu?.startsEarly ?? false),
      gpu: gpu, parameters: parameters, library: launch.library, arguments: arguments,
      name: "\(launch.kernel) of \(launch.scope), \(launch.problem)")
  }

  /// Puts the launches of a step into a stream. `mark` is called before the first and after each of them.
  func run(
    _ step: StepCounts, layout: StepLayout, at places: StepPlaces, in stream: borrowing Stream,
    mark: ((Int) throws -> Void)? = nil
  ) throws {
    fill(step)
    for input in inputs {
      let start = input.input.map { places.inputs + UInt64(layout.offset(of: $0)) } ?? places.tokensBefore
      input.field.pointee = start + UInt64(input.offset)
    }
    try mark?(0)
    for index in entries.indices {
      try launch(index, step, in: stream)
      if waitsForLaunches {
        do throws(CUDAError) { try stream.synchronize() } catch {
          throw CUDAError("\(entries[index].name), launch \(index) of a step of \(step): \(error)")
        }
      }
      try mark?(index + 1)
    }
  }

  /// Fills in a step's counts.
  func fill(_ step: StepCounts) {
    for count in counts { count.field.pointee = Int64(count.dim.value(in: step)) }
  }

  /// Puts one launch into a stream again, with the counts and inputs of the step before it.
  func launch(_ index: Int, _ step: StepCounts, in stream: borrowing Stream) throws {
    let entry = entries[index]
    if let library = entry.library {
      guard let products else { throw CUDAError("\(entry.name) needs cuBLASLt, which is not there") }
      try products.run(
        library, arguments: UnsafeRawPointer(entry.arguments), rows: library.rows.value(in: step), in: stream)
      return
    }
    guard let function = entry.function, let gpu = entry.gpu, gpu.runs(in: step) else { return }
    var shape = entry.shape
    func extent(_ axis: Int) -> Int { axis < gpu.grid.count ? gpu.grid[axis].value(in: step) : 1 }
    let grid = (extent(0), extent(1), extent(2))
    guard grid.0 > 0, grid.1 > 0, grid.2 > 0 else { return }
    shape.grid = Extents(grid.0, grid.1, grid.2)
    try stream.launch(function, shape, parameters: entry.parameters)
  }
}

/// Where a step finds what steps have for themselves.
struct StepPlaces {
  /// Its inputs.
  var inputs: UInt64
  /// The tokens that the step before has drawn.
  var tokensBefore: UInt64
}

/// Computes products by a library.
protocol ProductRunner: Sendable {
  /// Puts a product into a stream; `arguments` is an `nt_matmul_arguments` with its addresses.
  func run(
    _ product: LibraryProduct, arguments: UnsafeRawPointer, rows: Int, in stream: borrowing Stream
  ) throws
}

extension TensorMapPlan {
  /// The bytes that the copy engine reads.
  public func encoded(_ driver: CUDADriver, address: UInt64, blockCount: Int) throws(CUDAError) -> nt_cu_tensor_map {
    let element: TensorMap.Element =
      switch dtype {
      case .float32: .float32
      case .float16: .float16
      case .bfloat16: .bfloat16
      case .int32: .int32
      case .int16: .uint16
      default: .uint8
      }
    let parts: TensorMap.Swizzle =
      switch swizzle {
      case 32: .bytes32
      case 64: .bytes64
      case 128: .bytes128
      default: .none
      }
    let around: TensorMap.Promotion =
      switch promotion {
      case 64: .bytes64
      case 128: .bytes128
      case 256: .bytes256
      default: .none
      }
    var sizes = dimensions
    if isPerCacheBlock, let last = sizes.indices.last { sizes[last] *= blockCount }
    return try TensorMap.encode(
      driver, element, address: address, dimensions: sizes, strides: strides, box: box, swizzle: parts,
      promotion: around)
  }
}
