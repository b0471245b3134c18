//! What is asked for on the command line.

use std::path::PathBuf;

use crate::case::Case;
use crate::rounds::Plan;

pub(crate) const USAGE: &str =
    "compare [--quick] [--json] [--plot FILE] [--list] [--case PART]… [--rounds N] [--null]";

#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) json: bool,
    /// Where a drawing of it goes.
    pub(crate) plot: Option<PathBuf>,
    /// The names of the cases, and nothing else.
    pub(crate) list: bool,
    pub(crate) plan: Plan,
    /// Parts of names of cases, or whole names.
    wanted: Vec<String>,
}

impl Settings {
    pub(crate) fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut settings = Self {
            json: false,
            plot: None,
            list: false,
            plan: Plan {
                rounds: 7,
                run_seconds: 0.7,
                null: false,
            },
            wanted: Vec::new(),
        };
        let mut rounds = None;
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let mut value = || {
                arguments
                    .next()
                    .ok_or_else(|| format!("{argument} wants a value"))
            };
            match argument.as_str() {
                "--quick" => {
                    settings.plan.rounds = 3;
                    settings.plan.run_seconds = 0.15;
                }
                "--json" => settings.json = true,
                "--plot" => settings.plot = Some(value()?.into()),
                "--list" => settings.list = true,
                "--case" => settings.wanted.push(value()?.clone()),
                "--rounds" => {
                    let value = value()?.parse();
                    rounds = Some(value.map_err(|_| "--rounds wants a number")?);
                }
                "--null" => settings.plan.null = true,
                _ => return Err(format!("what is {argument}?\n{USAGE}")),
            }
        }
        settings.plan.rounds = rounds.unwrap_or(settings.plan.rounds);
        if settings.plan.rounds == 0 {
            return Err("at least one round".to_owned());
        }
        Ok(settings)
    }

    /// The cases that were asked for: by its whole name one alone, by a part of it each that has it.
    pub(crate) fn choose(&self, cases: Vec<Case>) -> Result<Vec<Case>, String> {
        if self.wanted.is_empty() {
            return Ok(cases);
        }
        let names: Vec<String> = cases.iter().map(|case| case.name.clone()).collect();
        let mut chosen = vec![false; names.len()];
        for wanted in &self.wanted {
            let whole = names.contains(wanted);
            let mut none = true;
            for (name, chosen) in names.iter().zip(&mut chosen) {
                if name == wanted || (!whole && name.contains(wanted)) {
                    *chosen = true;
                    none = false;
                }
            }
            if none {
                return Err(format!("no case has {wanted:?} in its name"));
            }
        }
        let chosen = cases.into_iter().zip(chosen);
        Ok(chosen
            .filter_map(|(case, chosen)| chosen.then_some(case))
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::Settings;
    use crate::families;

    fn settings(line: &str) -> Result<Settings, String> {
        let arguments: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Settings::parse(&arguments)
    }

    fn names(line: &str) -> Result<Vec<String>, String> {
        let chosen = settings(line)?.choose(families::all())?;
        Ok(chosen.into_iter().map(|case| case.name).collect())
    }

    #[test]
    fn every_case_has_a_name_of_its_own() {
        let mut all = names("").unwrap();
        let count = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), count);
    }

    #[test]
    fn a_part_chooses_all_that_have_it_and_a_whole_name_one() {
        assert_eq!(names("--case thr/tcp/16").unwrap(), ["thr/tcp/16"]);
        let free = names("--case /free").unwrap();
        assert!(free.len() > 1 && free.iter().all(|name| name.ends_with("/free")));
        assert_eq!(
            names("--case thr/ipc/1024/free --case thr/inproc/16").unwrap(),
            ["thr/ipc/1024/free", "thr/inproc/16"]
        );
        assert!(names("--case nothing").is_err());
    }

    #[test]
    fn rounds_that_are_asked_for_count_wherever_they_stand() {
        assert_eq!(settings("").unwrap().plan.rounds, 7);
        assert_eq!(settings("--rounds 3 --quick").unwrap().plan.rounds, 3);
        assert_eq!(settings("--quick --rounds 3").unwrap().plan.rounds, 3);
        assert!(settings("--rounds 0").is_err());
        assert!(settings("--rounds").is_err());
        assert!(settings("--fast").is_err());
    }
}
