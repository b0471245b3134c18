//! What a child process is told to do, as the arguments it is started with.

use std::str::FromStr;

use crate::side::Side;

/// The first argument of a child process.
pub(crate) const FLAG: &str = "--worker";

/// What a child process is told to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Task {
    /// A family of cases, and the part in it that is this process's.
    pub(crate) family: String,
    pub(crate) role: String,
    pub(crate) side: Side,
    /// The core it is pinned to.
    pub(crate) core: Option<usize>,
    pub(crate) endpoint: String,
    /// What else the family wants to be known.
    numbers: Vec<(String, u64)>,
}

impl Task {
    pub(crate) fn new(family: &str, role: &str, side: Side) -> Self {
        Self {
            family: family.to_owned(),
            role: role.to_owned(),
            side,
            core: None,
            endpoint: "-".to_owned(),
            numbers: Vec::new(),
        }
    }

    pub(crate) fn on(mut self, core: Option<usize>) -> Self {
        self.core = core;
        self
    }

    pub(crate) fn at(mut self, endpoint: &str) -> Self {
        endpoint.clone_into(&mut self.endpoint);
        self
    }

    pub(crate) fn with(mut self, name: &str, number: u64) -> Self {
        self.numbers.push((name.to_owned(), number));
        self
    }

    /// What was set with [`with`](Self::with).
    pub(crate) fn number(&self, name: &str) -> Result<u64, String> {
        let found = self.numbers.iter().find(|(known, _)| known == name);
        found
            .map(|&(_, number)| number)
            .ok_or_else(|| format!("a {} {} is not told the {name}", self.family, self.role))
    }

    /// As [`number`](Self::number), of what is in memory.
    pub(crate) fn size(&self, name: &str) -> Result<usize, String> {
        usize::try_from(self.number(name)?).map_err(|_| format!("too large a {name}"))
    }

    pub(crate) fn arguments(&self) -> Vec<String> {
        let core = self.core.map_or("-".to_owned(), |core| core.to_string());
        let mut arguments = [
            FLAG,
            &self.family,
            &self.role,
            self.side.as_str(),
            &core,
            &self.endpoint,
        ]
        .map(str::to_owned)
        .to_vec();
        arguments.extend(
            self.numbers
                .iter()
                .map(|(name, number)| format!("{name}={number}")),
        );
        arguments
    }

    /// From what follows [`FLAG`].
    pub(crate) fn from_arguments(arguments: &[String]) -> Option<Self> {
        let [family, role, side, core, endpoint, numbers @ ..] = arguments else {
            return None;
        };
        Some(Self {
            family: family.clone(),
            role: role.clone(),
            side: Side::from_str(side).ok()?,
            core: match core.as_str() {
                "-" => None,
                core => Some(core.parse().ok()?),
            },
            endpoint: endpoint.clone(),
            numbers: numbers
                .iter()
                .map(|number| {
                    let (name, number) = number.split_once('=')?;
                    Some((name.to_owned(), number.parse().ok()?))
                })
                .collect::<Option<_>>()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Task;
    use crate::side::Side;

    #[test]
    fn a_task_survives_being_arguments() {
        let task = Task::new("throughput", "sender", Side::Raw)
            .on(Some(1))
            .at("tcp://127.0.0.1:5")
            .with("size", 16)
            .with("count", 1_000_000);
        let free = task.clone().on(None);
        for task in [task, free] {
            let arguments = task.arguments();
            assert_eq!(Task::from_arguments(&arguments[1..]), Some(task));
        }
    }

    #[test]
    fn what_is_not_told_is_an_error() {
        let task = Task::new("throughput", "sender", Side::Zocket).with("size", 16);
        assert_eq!(task.number("size"), Ok(16));
        assert!(task.number("count").is_err());
    }

    #[test]
    fn strange_arguments_are_no_task() {
        for strange in [
            "throughput sender zocket",
            "throughput sender nobody - - size=1",
            "throughput sender zocket x - size=1",
            "throughput sender zocket - - size",
            "throughput sender zocket - - size=many",
        ] {
            let arguments: Vec<String> = strange.split(' ').map(str::to_owned).collect();
            assert_eq!(Task::from_arguments(&arguments), None, "{strange}");
        }
    }
}
