//! One picture, as text.

use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Rect;

use crate::app::{App, Now, Tab, Wanted};
use crate::error::Error;
use crate::filter::Filter;
use crate::source::{self, Eyes};
use crate::{Options, draw, limits};

/// Asks for all of it once, and gives what would be seen in a terminal of so many columns.
///
/// # Errors
/// [`Error::Cluster`] if the cluster does not answer.
pub async fn once(options: &Options, columns: u16) -> Result<String, Error> {
    let (user, may_change) = source::whoami(options).await?;
    let mut app = App::new(user, may_change, false, Now::read());
    let mut eyes = Eyes::open(options).await?;
    for tab in Tab::ALL {
        let wanted = Wanted {
            tab,
            filter: Filter::default(),
            limit: limits::JOBS_STEP,
            job: None,
            output: None,
        };
        for news in eyes.look(&wanted).await? {
            app.told(news);
        }
    }
    app.told(eyes.status(true).await?);
    app.told(eyes.statistics().await?);
    app.note = None;
    app.tick(Now::read());
    let columns = columns.max(limits::COLUMNS_MIN);
    Ok(draw::as_text(&mut app, columns))
}

/// The lines of a buffer, without the blanks at their ends.
pub(crate) fn lines(buffer: &Buffer) -> Vec<String> {
    let Rect { width, height, .. } = buffer.area;
    let line = |y: u16| {
        let symbols = (0..width).filter_map(|x| buffer.cell((x, y)).map(Cell::symbol));
        symbols.collect::<String>().trim_end().to_owned()
    };
    (0..height).map(line).collect()
}
