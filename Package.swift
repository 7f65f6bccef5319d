// swift-tools-version: 6.2

import PackageDescription

/// `script/test` sets `ITODENWA_STRICT`: warnings in our own targets, and in no package's, are then errors.
let warnings: [SwiftSetting] = Context.environment["ITODENWA_STRICT"] == nil ? [] : [.treatAllWarnings(as: .error)]

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
    .target(name: name, dependencies: dependencies, swiftSettings: settings + warnings)
}

/// The unit tests of a target.
func tests(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .testTarget(
        name: "\(name)Tests", dependencies: [.byName(name: name)] + dependencies, swiftSettings: settings + warnings)
}

let package = Package(
    name: "itodenwa",
    products: [
        .library(name: "SIP", targets: ["SIP"])
    ],
    targets: [
        module("SIP"),
        tests("SIP"),
        module("TestKit"),
        tests("TestKit"),
    ]
)
