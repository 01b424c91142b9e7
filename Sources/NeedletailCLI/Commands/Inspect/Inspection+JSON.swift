import Needletail
import NeedletailKernels

extension Inspection {
  /// The report for programs. Bytes and operations are counts, times are seconds.
  var json: JSON {
    let limits = plan.limits
    return [
      "name": .string(name), "model_type": .string(compiled.package.modelType),
      "parameters": .int(compiled.package.parameterCount), "device": .string(compiled.device.summary),
      "dtype": .string(compiled.precision.dtype.name), "version": .string(Version.text),
      "engine": engine?.json ?? .null,
      "limits": [
        "tokens_per_step": .int(limits.tokens), "sequences": .int(limits.sequences),
        "scored_rows": .int(limits.scoredRows), "sequence_length": .int(limits.sequenceLength),
        "block_size": .int(limits.blockSize),
      ],
      "machine": [
        "bytes_per_s": .double(rates.bytesPerSecond), "flops_per_s": .double(rates.operationsPerSecond),
      ],
      "passes": .array(
        graphs.map { pass, graph in
          [
            "name": .string(pass), "nodes": .int(graph.nodes.count), "operations": .int(graph.operationCount),
            "text": .string(graph.text),
          ]
        }),
      "phases": .array(phases.map(Self.json)),
      "memory": .array(plan.variants.map(Self.json)),
      "weights": .array(
        plan.weights.map { planned in
          [
            "name": .string(planned.weight.description), "shape": .array(planned.weight.shape.map { .int($0) }),
            "dtype": .string(planned.dtype.name), "layout": .string(planned.layout.rawValue),
            "bytes": .int(planned.byteCount), "element_bytes": .int(planned.elementBytes),
          ]
        }),
      "weight_bytes": .int(plan.weightBytes), "activation_bytes": .int(plan.activationBytes),
      "cache": [
        "bytes_per_token": .int(plan.cacheBytesPerToken), "blocks": .int(compiled.blockCount),
        "bytes": .int(cacheBytes), "dtype": .string(compiled.precision.cache.name),
        "layers": .int(plan.caches.count),
      ],
    ]
  }

  private static func json(_ phase: InspectionPhase) -> JSON {
    var total = json(phase.total, floor: phase.floor, measured: phase.measured)
    total["launches"] = .int(phase.rows.count)
    return [
      "name": .string(phase.name), "title": .string(phase.title), "variant": .int(phase.variant),
      "total": .object(total),
      "launches": .array(
        phase.rows.map { row in
          var object = JSONObject([
            ("kernel", .string(row.launch.kernel)), ("scope", .string(row.launch.scope)),
            ("problem", .string(row.launch.problem)),
          ])
          if let gpu = row.launch.gpu { object["gpu"] = json(gpu, phase.profile.counts) }
          if let library = row.launch.library { object["library"] = .string(library.choice) }
          for member in json(row.cost, floor: row.floor, measured: row.measured) { object[member.key] = member.value }
          return .object(object)
        }),
    ]
  }

  private static func json(_ gpu: GPULaunch, _ counts: StepCounts) -> JSON {
    [
      "source": .string(gpu.function.source), "entry": .string(gpu.function.entry),
      "defines": .object(JSONObject(gpu.function.defines.map { ($0.name, .int($0.value)) })),
      "grid": .array(gpu.grid.map { .int($0.value(in: counts)) }), "threads": .int(gpu.threads),
      "cluster": .int(gpu.cluster), "shared_bytes": .int(gpu.sharedBytes), "starts_early": .bool(gpu.startsEarly),
      "chosen_by": .string(gpu.choice),
    ]
  }

  private static func json(_ cost: Cost.Evaluated, floor: Double, measured: Double?) -> JSONObject {
    JSONObject([
      ("weight_bytes", .int(cost.weightBytes)), ("cache_bytes", .int(cost.cacheBytes)),
      ("activation_bytes", .int(cost.activationBytes)), ("bytes", .int(cost.bytes)),
      ("operations", .int(cost.operations)), ("floor_s", .double(floor)),
      ("measured_s", measured.map { .double($0) } ?? .null),
    ])
  }

  private static func json(_ variant: PlanVariant) -> JSON {
    [
      "maximum_tokens": .int(variant.maximumTokens), "bytes": .int(variant.activationBytes),
      "launches": .int(variant.launches.count),
      "placements": .array(
        variant.placements.map { place in
          [
            "name": .string(place.name), "type": .string(place.type.description), "offset": .int(place.offset),
            "bytes": .int(place.bytes), "first_launch": .int(place.firstLaunch),
            "last_launch": .int(place.lastLaunch),
          ]
        }),
    ]
  }
}
