// swift-tools-version: 6.2

import PackageDescription

/// Every target is compiled in the Swift 6 mode with the same upcoming features; CI adds warnings as errors.
let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

/// A library target, with the same settings as all others.
func module(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

/// The unit tests of a target.
func tests(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .testTarget(
        name: "\(name)Tests", dependencies: [.byName(name: name)] + dependencies, swiftSettings: settings)
}

let package = Package(
    name: "itodenwa",
    products: [
        .library(name: "SIP", targets: ["SIP"]),
        .library(name: "RTP", targets: ["RTP"]),
        .library(name: "Media", targets: ["Media"]),
    ],
    targets: [
        module("SIP"),
        tests("SIP"),
        module("RTP"),
        tests("RTP"),
        module("Media", ["RTP"]),
        tests("Media", ["RTP"]),
    ]
)
