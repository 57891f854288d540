//! A frame: what is known, as characters in a terminal of some size.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};

use crate::app::{App, Dialog, Tab};
use crate::cells::{Column, Row, Tone};
use crate::{limits, screen};

/// Draws all of it.
pub(crate) fn draw(app: &mut App, buffer: &mut Buffer) {
    let area = buffer.area;
    if area.width < limits::COLUMNS_MIN || area.height < limits::ROWS_MIN {
        let text = format!("stint top takes {}x{}", limits::COLUMNS_MIN, limits::ROWS_MIN);
        return put(buffer, area, 0, &text, Style::new());
    }
    let ink = Ink { has_colours: app.has_colours };
    let (text, tone) = screen::head::cluster(app);
    put(buffer, area, 0, &text, ink.style(tone).add_modifier(Modifier::BOLD));
    let (text, tone) = screen::head::state(app);
    put(buffer, area, 1, &text, ink.style(tone));
    tabs(app, buffer, area);
    let body = Rect { y: area.y + 3, height: area.height - 5, ..area };
    if app.output.is_some() {
        output(app, buffer, body, ink);
    } else if app.job.is_some() {
        details(app, buffer, body, ink);
    } else {
        list(app, buffer, body, ink);
    }
    match (&app.note, screen::head::warning(app)) {
        (Some((text, _)), _) => put(buffer, area, area.height - 2, text, ink.style(Tone::Good)),
        (None, Some(text)) => put(buffer, area, area.height - 2, &text, ink.style(Tone::Bad)),
        (None, None) => {}
    }
    put(buffer, area, area.height - 1, &screen::help::offered(app), ink.style(Tone::Faint));
    dialog(app, buffer, area, ink);
}

/// What tones look like.
#[derive(Debug, Clone, Copy)]
struct Ink {
    has_colours: bool,
}

impl Ink {
    fn style(self, tone: Tone) -> Style {
        let style = Style::new();
        match (tone, self.has_colours) {
            (Tone::Plain, _) => style,
            (Tone::Good, true) => style.fg(Color::Green),
            (Tone::Warn, true) => style.fg(Color::Yellow),
            (Tone::Bad, true) => style.fg(Color::Red).add_modifier(Modifier::BOLD),
            (Tone::Bad | Tone::Good | Tone::Warn, false) => style.add_modifier(Modifier::BOLD),
            (Tone::Faint, _) => style.add_modifier(Modifier::DIM),
        }
    }
}

/// One line of text, cut where there is no more room.
fn put(buffer: &mut Buffer, area: Rect, line: u16, text: &str, style: Style) {
    if line < area.height {
        buffer.set_stringn(area.x, area.y + line, text, usize::from(area.width), style);
    }
}

fn tabs(app: &App, buffer: &mut Buffer, area: Rect) {
    let mut x = area.x;
    for (place, tab) in Tab::ALL.into_iter().enumerate() {
        let text = format!(" {} {} ", place + 1, tab.name());
        let style = if tab == app.tab {
            Style::new().add_modifier(Modifier::REVERSED)
        } else {
            Style::new()
        };
        let room = usize::from(area.right().saturating_sub(x));
        (x, _) = buffer.set_stringn(x, area.y + 2, text, room, style);
    }
    let view = app.view();
    let text = match &app.dialog {
        Some(Dialog::Typing(text)) => format!("  / {text}_"),
        _ if !view.filter.is_empty() => format!("  / {}", view.filter.text),
        _ => return,
    };
    let room = usize::from(area.right().saturating_sub(x));
    // The end of what is typed matters more than its beginning.
    let cut = text.chars().count().saturating_sub(room);
    let text: String = text.chars().skip(cut).collect();
    buffer.set_stringn(x, area.y + 2, text, room, Style::new().add_modifier(Modifier::BOLD));
}

fn list(app: &mut App, buffer: &mut Buffer, area: Rect, ink: Ink) {
    let below =
        if app.tab == Tab::Cluster { screen::cluster_lines(&app.picture) } else { Vec::new() };
    let below_height =
        u16::try_from(below.len()).unwrap_or(u16::MAX).min(area.height.saturating_sub(4));
    let area_of_rows = Rect { height: area.height - below_height, ..area };
    let rows = app.rows();
    app.height = usize::from(area_of_rows.height.saturating_sub(1));
    let view = app.view();
    let index = view.index(&rows);
    if let Some(view) = app.views.get_mut(&app.tab) {
        view.scroll(index.unwrap_or_default(), app.height);
    }
    let view = app.view();
    let widths = widths(screen::columns(app.tab), area.width);
    head(screen::columns(app.tab), &widths, &view, buffer, area, ink);
    if rows.is_empty() {
        put(buffer, area, 1, nothing(app), ink.style(Tone::Faint));
    }
    for (line, (place, row)) in
        (1..=area_of_rows.height.saturating_sub(1)).zip(rows.iter().enumerate().skip(view.offset))
    {
        let is_chosen = Some(place) == index && app.tab != Tab::Cluster;
        draw_row(
            row,
            &widths,
            is_chosen,
            buffer,
            Rect { y: area.y + line, height: 1, ..area },
            ink,
        );
    }
    for (line, (text, tone)) in (area.height - below_height..area.height).zip(below) {
        put(buffer, area, line, &text, ink.style(tone));
    }
}

fn nothing(app: &App) -> &'static str {
    match app.tab {
        _ if app.picture.heard_at.is_none() => "asking ...",
        Tab::Jobs if !app.view().filter.is_empty() => "no such jobs; esc shows all",
        Tab::Jobs => "no jobs",
        Tab::Workers | Tab::Queues | Tab::Crons | Tab::Cluster if !app.view().filter.is_empty() => {
            "none; esc shows all"
        }
        Tab::Workers => "no workers",
        Tab::Queues => "no queues",
        Tab::Crons => "no crons",
        Tab::Cluster => "nothing is known yet",
    }
}

/// The characters of each column in a terminal this wide; 0 is not there.
fn widths(columns: &[Column], room: u16) -> Vec<u16> {
    let mut left = room;
    let mut widths = Vec::with_capacity(columns.len());
    for column in columns {
        let width = match column.width {
            _ if column.from > room => 0,
            0 => left,
            width => width.min(left),
        };
        left = left.saturating_sub(width + u16::from(width > 0));
        widths.push(width);
    }
    widths
}

fn head(
    columns: &[Column],
    widths: &[u16],
    view: &crate::cells::View,
    buffer: &mut Buffer,
    area: Rect,
    ink: Ink,
) {
    let mut x = area.x;
    for (place, (column, width)) in columns.iter().zip(widths).enumerate() {
        if *width == 0 {
            continue;
        }
        let mark = match (view.sort == Some(place), view.is_reversed) {
            (false, _) => "",
            (true, false) => "^",
            (true, true) => "v",
        };
        let name = format!("{}{mark}", column.name.to_uppercase());
        let style = ink.style(if mark.is_empty() { Tone::Faint } else { Tone::Plain });
        buffer.set_stringn(x, area.y, name, usize::from(*width), style);
        x = x.saturating_add(*width + 1);
    }
}

fn draw_row(row: &Row, widths: &[u16], is_chosen: bool, buffer: &mut Buffer, area: Rect, ink: Ink) {
    let mut x = area.x;
    for (cell, width) in row.cells.iter().zip(widths) {
        if *width == 0 {
            continue;
        }
        buffer.set_stringn(x, area.y, &cell.text, usize::from(*width), ink.style(cell.tone));
        x = x.saturating_add(*width + 1);
    }
    if is_chosen {
        buffer.set_style(area, Style::new().add_modifier(Modifier::REVERSED));
    }
}

fn details(app: &mut App, buffer: &mut Buffer, area: Rect, ink: Ink) {
    app.height = usize::from(area.height);
    let Some((id, first)) = &mut app.job else { return };
    let Some(detail) = app.picture.job.as_ref().filter(|detail| detail.job.id == *id) else {
        return put(buffer, area, 0, &format!("job {id}: asking ..."), ink.style(Tone::Faint));
    };
    let lines = screen::details::lines(detail, app.now.wall);
    *first = (*first).min(lines.len().saturating_sub(app.height));
    for (line, (text, tone)) in (0..area.height).zip(lines.iter().skip(*first)) {
        put(buffer, area, line, text, ink.style(*tone));
    }
}

fn output(app: &mut App, buffer: &mut Buffer, area: Rect, ink: Ink) {
    app.height = usize::from(area.height.saturating_sub(1));
    let Some(output) = &app.output else { return };
    put(buffer, area, 0, &screen::output::head(output, app.height), ink.style(Tone::Faint));
    for (line, (text, tone)) in (1..area.height).zip(screen::output::lines(output, app.height)) {
        put(buffer, area, line, &text, ink.style(tone));
    }
}

fn dialog(app: &App, buffer: &mut Buffer, area: Rect, ink: Ink) {
    let lines = match &app.dialog {
        None | Some(Dialog::Typing(_)) => return,
        Some(Dialog::Help) => screen::help::lines(app),
        Some(Dialog::Confirm(deed)) => {
            let mut lines =
                wrapped(&format!("{}?", deed.words()), usize::from(area.width.saturating_sub(8)));
            lines.extend([String::new(), "y  yes      n  no".to_owned()]);
            lines
        }
    };
    let count = u16::try_from(lines.len()).unwrap_or(u16::MAX);
    let longest = lines.iter().map(|line| line.chars().count()).max().unwrap_or_default();
    let width = u16::try_from(longest).unwrap_or(u16::MAX).saturating_add(4).min(area.width);
    let height = count.saturating_add(2).min(area.height);
    let frame = Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height) / 2,
        width,
        height,
    };
    let edge = format!("+{}+", "-".repeat(usize::from(width.saturating_sub(2))));
    let style = ink.style(Tone::Plain);
    for line in 0..height {
        let y = frame.y + line;
        let is_edge = line == 0 || line + 1 == height;
        let inner = usize::from(line).checked_sub(1).and_then(|place| lines.get(place));
        let text = match inner {
            Some(text) if !is_edge => {
                let room = usize::from(width.saturating_sub(4));
                let text: String = text.chars().take(room).collect();
                format!("| {text:<room$} |")
            }
            _ => edge.clone(),
        };
        buffer.set_stringn(frame.x, y, text, usize::from(width), style);
        buffer.set_style(Rect { x: frame.x, y, width, height: 1 }, Style::reset());
    }
}

/// The text in lines of so many characters, broken between words.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let Some(last) = lines.last_mut() else { break };
        if !last.is_empty() && last.chars().count() + 1 + word.chars().count() > width {
            lines.push(word.to_owned());
        } else {
            if !last.is_empty() {
                last.push(' ');
            }
            last.push_str(word);
        }
    }
    lines
}

/// Each list one after the other with as many lines as it has, in a terminal of so many columns.
pub(crate) fn as_text(app: &mut App, columns: u16) -> String {
    let ink = Ink { has_colours: false };
    let mut text = vec![screen::head::cluster(app).0, screen::head::state(app).0];
    for tab in Tab::ALL {
        app.tab = tab;
        let below = if tab == Tab::Cluster { screen::cluster_lines(&app.picture).len() } else { 0 };
        let rows = app.rows().len().max(1) + 1 + below;
        let height = u16::try_from(rows).unwrap_or(u16::MAX).max(5);
        let mut buffer = Buffer::empty(Rect { x: 0, y: 0, width: columns, height });
        let area = buffer.area;
        list(app, &mut buffer, area, ink);
        text.push(String::new());
        text.extend(crate::once::lines(&buffer).into_iter().filter(|line| !line.is_empty()));
    }
    text.join("\n")
}
