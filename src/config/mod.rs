//! The settings file of the webhook: as written ([`SettingsFile`]), and as
//! resolved with every default filled in ([`Settings`]).
//!
//! Unknown fields are refused, and what can be checked without opening other
//! files is checked here; opening them is the business of whoever uses them.

mod file;
mod roots;
mod settings;

pub use file::{
    ChannelsFile, KindFile, LimitsFile, LogFile, MirrorFile, NamespaceChannels, RegistryFile,
    SettingsFile, SignaturesFile, TlsFile, TrustRootFile, TufFile,
};
pub use roots::{RootSource, TrustRootSettings, TufSettings};
pub use settings::{
    ConfigError, KindPaths, LogFormat, NoMatchSetting, RegistrySettings, Settings, SettingsProblem,
    TlsSettings,
};
